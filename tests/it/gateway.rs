//! Commands around the gateway, where there is nothing to serve yet.

use crate::program::{empiric, in_folder, new_project, said};

#[test]
fn a_key_is_made_listed_without_itself_and_taken_back() {
    let project = new_project();
    let made =
        in_folder(project.path(), &["keys", "add", "website", "--audience", "users", "--usd-per-day", "5"]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    let key = made.out.trim();
    assert!(key.starts_with("emp-") && key.len() == 68, "{key}");
    let again = in_folder(project.path(), &["keys", "add", "website", "--audience", "users"]);
    assert!(again.code == Some(64) && again.err.contains("already"), "{}", again.err);
    let listed = in_folder(project.path(), &["keys", "list"]);
    assert!(listed.out.contains("website") && listed.out.contains("valid") && !listed.out.contains(key));
    assert_eq!(in_folder(project.path(), &["keys", "revoke", "website"]).code, Some(0));
    assert!(in_folder(project.path(), &["keys", "list"]).out.contains("taken back"));
    assert_eq!(in_folder(project.path(), &["keys", "revoke", "website"]).code, Some(64));
}

#[test]
fn without_a_run_there_is_nothing_to_serve() {
    let project = new_project();
    let served = in_folder(project.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert!(served.code == Some(66) && served.err.contains("E0305"), "{}", served.err);
    in_folder(project.path(), &["keys", "add", "x", "--audience", "internal"]);
    let served = in_folder(project.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert!(served.code == Some(66) && served.err.contains("E0341"), "{}", served.err);
}

#[test]
fn without_a_gateway_there_is_nobody_to_talk_to() {
    let project = new_project();
    let asked = in_folder(project.path(), &["chat", "is anybody there?"]);
    assert!(asked.code == Some(69) && asked.err.contains("E0342"), "{}", asked.err);
    let refused = in_folder(project.path(), &["chat", "x", "--gateway", "http://127.0.0.1:9"]);
    assert!(refused.code == Some(69) && refused.err.contains("E0342"), "{}", refused.err);
}

#[test]
fn a_key_is_not_sent_in_clear() {
    let project = new_project();
    let mut command = empiric();
    command.env("EMPIRIC_KEY", "emp-secret").arg("-C").arg(project.path());
    let asked = said(command.args(["chat", "x", "--gateway", "http://gateway.example"]));
    assert!(asked.err.contains("E0309") && !asked.err.contains("emp-secret"), "{}", asked.err);
}

#[test]
fn other_machines_are_not_listened_to_without_keys() {
    let project = new_project();
    let shown = in_folder(project.path(), &["dashboard", "--listen", "0.0.0.0:0"]);
    assert!(shown.code == Some(71) && shown.err.contains("nobody needs a key"), "{}", shown.err);
}
