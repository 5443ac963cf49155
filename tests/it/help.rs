//! Help texts, as people see them.

use crate::program::{empiric, said};

fn help(command: &[&str]) -> String {
    let said = said(empiric().args(command).arg("--help"));
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{command:?}");
    said.out
}

/// Commands that `--help` lists.
fn commands() -> Vec<String> {
    let all = help(&[]);
    let listed = all.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap().to_owned();
    let names = listed.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

#[test]
fn the_program_says_what_it_can_do() {
    insta::assert_snapshot!("empiric", help(&[]));
}

#[test]
fn every_command_says_what_it_does_and_takes() {
    let commands = commands();
    assert!(commands.len() > 15, "{commands:?}");
    for command in commands.iter().filter(|command| *command != "help") {
        insta::assert_snapshot!(format!("empiric_{command}"), help(&[command]));
    }
    insta::assert_snapshot!("empiric_job_run", help(&["job", "run"]));
}

#[test]
fn the_guard_of_the_server_is_not_shown_to_people() {
    assert!(!commands().contains(&"guard".to_owned()));
}
