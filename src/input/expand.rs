//! Arguments → inputs, in a stable order.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{Input, InputError};

/// Endings of files that a folder is searched for; each may be followed by `.gz` or `.zst`.
const ENDINGS: [&str; 3] = ["json", "ndjson", "jsonl"];

/// What arguments stand for.
#[derive(Debug, Default)]
pub struct Expanded {
    /// The inputs, in order.
    pub inputs: Vec<Input>,
    /// Arguments that stand for nothing, and folders that can't be listed.
    pub faults: Vec<InputError>,
}

/// Turns arguments into inputs: `-` is standard input, a folder stands for the inputs below it, a name with `*`, `?` or `[` that
/// is not a file is a pattern. Files that are named are taken whatever their ending. In folders what is hidden is left out, and
/// so are `_callake` (a lake's own files) and all that is neither a file nor a folder.
pub fn expand(arguments: &[String]) -> Expanded {
    let mut out = Expanded::default();
    for argument in arguments {
        if let Err(fault) = out.add(argument) {
            out.faults.push(fault);
        }
    }
    out
}

/// Bytes of the inputs as they lie there; 0 where one of them does not say.
pub fn size(inputs: &[Input]) -> u64 {
    let size = |input: &Input| match input {
        Input::Stdin => None,
        Input::File(path) => std::fs::metadata(path)
            .ok()
            .filter(|found| found.is_file())
            .map(|found| found.len()),
    };
    inputs.iter().map(size).sum::<Option<u64>>().unwrap_or(0)
}

impl Expanded {
    fn add(&mut self, argument: &str) -> Result<(), InputError> {
        if argument == "-" {
            if self.inputs.contains(&Input::Stdin) {
                return Err(InputError::Pattern(
                    argument.to_string(),
                    "standard input can be read once; name it once".to_string(),
                ));
            }
            self.inputs.push(Input::Stdin);
            return Ok(());
        }
        let path = Path::new(argument);
        match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => self.add_folder(path),
            Ok(_) => {
                self.inputs.push(Input::File(path.to_path_buf()));
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::NotFound && argument.contains(['*', '?', '[']) => {
                self.add_matches(argument)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(InputError::Missing(argument.to_string()))
            }
            Err(error) => Err(InputError::io(argument)(error)),
        }
    }

    fn add_matches(&mut self, pattern: &str) -> Result<(), InputError> {
        let bad = |error: &dyn std::fmt::Display| InputError::Pattern(pattern.to_string(), error.to_string());
        let before = self.inputs.len();
        for path in glob::glob(pattern).map_err(|error| bad(&error))? {
            let path = path.map_err(|error| bad(&error))?;
            if path.is_dir() {
                self.add_folder(&path)?;
            } else {
                self.inputs.push(Input::File(path));
            }
        }
        if self.inputs.len() == before {
            return Err(InputError::NoMatch(pattern.to_string()));
        }
        Ok(())
    }

    fn add_folder(&mut self, folder: &Path) -> Result<(), InputError> {
        let faults_before = self.faults.len();
        let mut folders = vec![folder.to_path_buf()];
        // Folders by their own identity: links can make loops.
        let mut visited = HashSet::new();
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            match list(&folder, &mut visited) {
                Ok(entries) => {
                    for (path, is_folder) in entries {
                        if is_folder {
                            folders.push(path)
                        } else {
                            files.push(path)
                        }
                    }
                }
                Err(error) => self.faults.push(InputError::io(folder.display())(error)),
            }
        }
        if files.is_empty() && self.faults.len() == faults_before {
            return Err(InputError::EmptyFolder(folder.display().to_string()));
        }
        files.sort();
        self.inputs.extend(files.into_iter().map(Input::File));
        Ok(())
    }
}

/// Inputs and folders of a folder, nothing where it was visited before.
fn list(folder: &Path, visited: &mut HashSet<(u64, u64)>) -> std::io::Result<Vec<(PathBuf, bool)>> {
    let identity = std::fs::metadata(folder)?;
    if !visited.insert((identity.dev(), identity.ino())) {
        return Ok(Vec::new());
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.starts_with('.') || name == "_callake" {
            continue;
        }
        // A link to nothing is nothing.
        let Ok(found) = std::fs::metadata(&path) else {
            continue;
        };
        if found.is_dir() || (found.is_file() && is_input(&name)) {
            entries.push((path, found.is_dir()));
        }
    }
    Ok(entries)
}

fn is_input(name: &str) -> bool {
    let lower = PathBuf::from(name.to_lowercase());
    let plain = match lower.extension().and_then(|ending| ending.to_str()) {
        Some("gz" | "zst") => PathBuf::from(lower.file_stem().unwrap_or_default()),
        _ => lower,
    };
    plain
        .extension()
        .and_then(|ending| ending.to_str())
        .is_some_and(|ending| ENDINGS.contains(&ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_folders_and_patterns() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("sub/.hidden")).unwrap();
        for name in [
            "b.ndjson.gz",
            "a.JSON",
            "note.txt",
            "sub/c.jsonl.zst",
            ".d.json",
            "sub/.hidden/e.json",
        ] {
            std::fs::write(root.join(name), "").unwrap();
        }
        let check = |arguments: &[&str], want: &[&str]| {
            let arguments: Vec<_> = arguments
                .iter()
                .map(|a| a.replace("ROOT", &root.display().to_string()))
                .collect();
            let want: Vec<_> = want.iter().map(|name| Input::File(root.join(name))).collect();
            assert_eq!(expand(&arguments).inputs, want, "{arguments:?}");
        };
        check(&["ROOT"], &["a.JSON", "b.ndjson.gz", "sub/c.jsonl.zst"]);
        check(&["ROOT/*.txt"], &["note.txt"]);
        check(&["ROOT/note.txt", "ROOT/s*"], &["note.txt", "sub/c.jsonl.zst"]);
        std::fs::create_dir(root.join("_callake")).unwrap();
        std::fs::write(root.join("_callake/run.json"), "").unwrap();
        std::os::unix::fs::symlink("..", root.join("sub/loop")).unwrap();
        std::os::unix::fs::symlink("nowhere", root.join("sub/gone.json")).unwrap();
        check(&["ROOT"], &["a.JSON", "b.ndjson.gz", "sub/c.jsonl.zst"]);
        for missing in ["ROOT/nope", "ROOT/nope*", "ROOT/sub/.hidden/f", "ROOT/***"] {
            let argument = missing.replace("ROOT", &root.display().to_string());
            let error = expand(std::slice::from_ref(&argument)).faults[0].to_string();
            assert!(error.contains(&argument), "{error}");
        }
    }
}
