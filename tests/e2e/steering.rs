//! A step of the rollout from its page, through the real program, a real server and a real browser's way: look,
//! confirm, done. Without anybody who keeps the server the page has no buttons.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::process::{Project, empiric};
use crate::promoting::{ask, json, staged};
use crate::rollout_bench::version;

/// A command that goes on until it is dropped, and the line of its talk that was waited for.
struct Kept {
    child: Child,
    line: String,
}

impl Kept {
    fn start(project: &Project, arguments: &[&str], wanted: &str) -> Self {
        let mut command = empiric();
        command.arg("-C").arg(project.path()).args(arguments).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("empiric starts");
        let mut lines = BufReader::new(child.stderr.take().expect("its talk")).lines();
        let said = lines.find_map(|line| line.ok().filter(|line| line.contains(wanted)));
        // Nobody reads on, and a full pipe would hold the program up.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, line: said.unwrap_or_else(|| panic!("it never said {wanted}")) }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}")).1;
    rest.split_once(after).unwrap().0
}

async fn page(address: &str, path: &str) -> String {
    reqwest::get(format!("{address}{path}")).await.unwrap().text().await.unwrap()
}

/// Sends the form of a confirming page as a browser does.
async fn confirm(address: &str, page: &str) -> (u16, String) {
    let field = |name: &str| between(page, &format!("name=\"{name}\" value=\""), "\"").to_owned();
    let fields = ["act", "version", "to", "nonce"].map(|name| format!("{name}={}", field(name)));
    let request = reqwest::Client::new().post(format!("{address}/rollout/step")).header("origin", address);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let body = format!("{}&note=from+the+page", fields.join("&").replace(':', "%3A"));
    let response = request.body(body).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_carried_on_and_taken_back_from_the_page() {
    let project = staged();
    let file = project.path().join("version.json").display().to_string();
    json(&ask(&project, &["promote", "--file", &file, "--by", "ada", "--output", "json"]));
    let dashboard = Kept::start(&project, &["dashboard", "--listen", "127.0.0.1:0"], "http://");
    let address = format!("http://{}", between(&dashboard.line, "http://", ","));
    let alone = page(&address, "/rollout").await;
    assert!(!alone.contains("/rollout/step") && alone.contains("<code>empiric promote</code>"), "{alone}");

    let up = Kept::start(&project, &["up"], "Ctrl-C");
    let shown = page(&address, "/rollout").await;
    assert!(shown.contains("Promote to direct at 50 %…"), "{shown}");
    let digest = version("Be brief.").digest().to_string();
    let onward = format!("/rollout/step?act=promote&version={digest}&to=direct:50");
    let looked_at = page(&address, &onward).await;
    let (status, after) = confirm(&address, &looked_at).await;
    assert!(status == 200 && after.contains("carried it on by hand: from the page"), "{after}");
    let (status, again) = confirm(&address, &looked_at).await;
    assert!(status == 409 && again.contains("Nothing was done"), "a page serves once: {again}");

    let back = page(&address, &format!("/rollout/step?act=demote&version={digest}&to=")).await;
    let (status, after) = confirm(&address, &back).await;
    assert!(status == 200 && after.contains("stepped back: from the page"), "{after}");
    drop(up);
}
