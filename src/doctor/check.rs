//! What a check found, and what to do about it.

use serde::{Serialize, Serializer};

use crate::exit::Exit;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// As it should be.
    Ok,
    /// A run may work, or may not.
    Warning,
    /// A run fails, or does harm.
    Problem,
    /// Not tried, since something before it failed or does not apply.
    Skipped,
}

/// One check.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    /// What was tried, in `snake_case`.
    pub(crate) name: &'static str,
    /// How it ended.
    pub(crate) result: Verdict,
    /// What was found.
    pub(crate) found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remedy: Option<String>,
    /// The exit code that a run would end with.
    #[serde(skip)]
    exit: Exit,
}

impl Check {
    pub(crate) fn ok(name: &'static str, found: impl Into<String>) -> Check {
        Check {
            name,
            result: Verdict::Ok,
            found: found.into(),
            remedy: None,
            exit: Exit::Done,
        }
    }

    pub(crate) fn skipped(name: &'static str, why: impl Into<String>) -> Check {
        Check {
            result: Verdict::Skipped,
            ..Check::ok(name, why)
        }
    }

    pub(crate) fn warning(name: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Check {
        Check {
            result: Verdict::Warning,
            remedy: Some(remedy.into()),
            ..Check::ok(name, found)
        }
    }

    pub(crate) fn problem(
        name: &'static str,
        exit: Exit,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Check {
        Check {
            result: Verdict::Problem,
            remedy: Some(remedy.into()),
            exit,
            ..Check::ok(name, found)
        }
    }

    /// A problem with the exit code that a run would end with.
    pub(crate) fn failed(name: &'static str, error: &anyhow::Error, remedy: impl Into<String>) -> Check {
        Check::problem(name, Exit::of(error), format!("{error:#}"), remedy)
    }
}

/// All checks, and what they come to.
#[derive(Debug, Serialize)]
pub(crate) struct Examination {
    /// In the order in which they were made.
    pub(crate) checks: Vec<Check>,
    /// The code of the first problem.
    #[serde(rename = "exit_code", serialize_with = "as_number")]
    pub(crate) exit: Exit,
}

impl Examination {
    pub(crate) fn new(checks: Vec<Check>) -> Examination {
        let problem = checks.iter().find(|check| check.result == Verdict::Problem);
        Examination {
            exit: problem.map_or(Exit::Done, |check| check.exit),
            checks,
        }
    }

    pub(crate) fn count(&self, verdict: Verdict) -> usize {
        self.checks.iter().filter(|check| check.result == verdict).count()
    }
}

fn as_number<S: Serializer>(exit: &Exit, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(*exit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_problem_decides_and_a_warning_does_not() {
        let warning = || Check::warning("a", "odd", "look");
        let problem = |exit| Check::problem("b", exit, "broken", "mend");
        assert_eq!(Examination::new(vec![warning()]).exit, Exit::Done);
        let all = Examination::new(vec![
            warning(),
            problem(Exit::RetryLater),
            problem(Exit::Usage),
            Check::skipped("c", "no"),
        ]);
        assert_eq!(all.exit, Exit::RetryLater);
        assert_eq!((all.count(Verdict::Problem), all.count(Verdict::Warning)), (2, 1));
    }
}
