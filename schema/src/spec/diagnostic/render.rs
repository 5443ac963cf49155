//! How diagnostics look: the form of the Rust compiler, without colours.

use std::fmt;

use super::{Diagnostic, Diagnostics, Excerpt};

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            block(f, &self.file, problem)?;
            writeln!(f)?;
        }
        let count = self.problems.len() + self.omitted;
        let noun = if count == 1 { "problem" } else { "problems" };
        write!(f, "{}: {count} {noun}", self.file)?;
        match self.omitted {
            0 => Ok(()),
            omitted => write!(f, ", {omitted} not shown"),
        }
    }
}

fn block(f: &mut fmt::Formatter<'_>, file: &str, problem: &Diagnostic) -> fmt::Result {
    let number = problem.position.line.to_string();
    let gutter = " ".repeat(number.len());
    let Excerpt { text, start, width } = &problem.excerpt;
    let caret = format!("{}{}", " ".repeat(*start), "^".repeat(*width));
    let label = match problem.expected.as_str() {
        "" => String::new(),
        expected => format!(" expected {expected}"),
    };
    writeln!(f, "error[{}]: {}", problem.code, problem.message)?;
    writeln!(f, "{gutter}--> {file}:{number}:{}", problem.position.column)?;
    writeln!(f, "{gutter} |")?;
    writeln!(f, "{}", format!("{number} | {text}").trim_end())?;
    writeln!(f, "{gutter} | {caret}{label}")?;
    if !problem.help.is_empty() {
        writeln!(f, "{gutter} |")?;
    }
    for help in &problem.help {
        writeln!(f, "{gutter} = help: {help}")?;
    }
    Ok(())
}
