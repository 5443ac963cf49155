//! `empiric init`: a new project that runs as it is.

use empiric_schema::spec::ProjectSpec;

use crate::program::{empiric, example, in_folder, new_project, root, said};

#[test]
fn a_new_project_can_be_planned_at_once() {
    let project = new_project();
    let said = in_folder(project.path(), &["plan"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert!(said.out.starts_with("project    my-project (answer)\n"), "{}", said.out);
}

#[test]
fn flags_are_taken_into_the_project_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new");
    let flags =
        ["--yes", "--name", "faq-bot", "--description", "Says \"hello\": always", "--accuracy", "0.85"];
    let said = said(empiric().arg("init").arg(&path).args(flags));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(said.out.trim_end(), path.to_str().unwrap());
    let spec = read(&path);
    assert_eq!((spec.name.as_str(), spec.description.as_str()), ("faq-bot", "Says \"hello\": always"));
    assert_eq!(spec.scope.success[0].value, 0.85);
}

#[test]
fn the_project_files_of_the_examples_are_good() {
    assert_eq!(read(&example()).name, "staff-handbook");
    let triage = read(&root().join("examples/spam-triage"));
    assert_eq!(triage.scope.task.labels(), ["spam", "ham"]);
}

#[test]
fn the_script_of_the_mail_example_keeps_its_own_promises() {
    let test = root().join("examples/spam-triage/test_prepare.py");
    let ran = std::process::Command::new("python3").arg(test).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

fn read(folder: &std::path::Path) -> ProjectSpec {
    let text = std::fs::read_to_string(folder.join("project.yaml")).unwrap();
    ProjectSpec::parse("project.yaml", &text).unwrap_or_else(|found| panic!("{found}"))
}

#[test]
fn a_folder_with_something_in_it_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    let said = said(empiric().args(["init", "--yes", "--name", "new"]).arg(folder.path()));
    assert_eq!((said.code, said.out.as_str()), (Some(64), ""));
    assert!(said.err.starts_with("error[E0303]: "), "{}", said.err);
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["notes.txt"]);
}

#[test]
fn a_name_or_an_accuracy_that_makes_no_project_is_refused_beside_its_flag() {
    for flags in [["--name", "My Project"], ["--accuracy", "70"], ["--accuracy", "2"], ["--accuracy", "0"]] {
        let folder = tempfile::tempdir().unwrap();
        let said = said(empiric().args(["init", "--yes"]).args(flags).arg(folder.path().join("new")));
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{flags:?}");
        assert!(said.err.contains(&format!("for '{}", flags[0])), "{flags:?}: {}", said.err);
        assert!(!said.err.contains("project.yaml"), "{flags:?}: {}", said.err);
        assert!(!folder.path().join("new").exists(), "{flags:?}");
    }
}

#[test]
fn without_a_folder_and_without_a_file_there_is_nothing_to_make() {
    let said = said(empiric().args(["init", "--yes"]));
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
    assert!(said.err.contains("FOLDER"), "{}", said.err);
}
