//! Arguments → inputs, in a stable order.

use std::path::{Path, PathBuf};

use super::{Input, InputError};

/// Endings of files that a folder is searched for; each may be followed by `.gz` or `.zst`.
const ENDINGS: [&str; 3] = ["json", "ndjson", "jsonl"];

/// Turns arguments into inputs: `-` is standard input, a folder stands for the inputs below it (hidden ones left out), a
/// name with `*`, `?` or `[` that is not a file is a pattern. Files that are named are taken whatever their ending.
///
/// # Errors
/// An argument that stands for nothing, or a folder that can't be listed.
pub fn expand(arguments: &[String]) -> Result<Vec<Input>, InputError> {
    let mut inputs = Vec::new();
    for argument in arguments {
        let path = Path::new(argument);
        if argument == "-" {
            inputs.push(Input::Stdin);
        } else if path.is_dir() {
            add_folder(path, &mut inputs)?;
        } else if path.exists() {
            inputs.push(Input::File(path.to_path_buf()));
        } else if argument.contains(['*', '?', '[']) {
            add_matches(argument, &mut inputs)?;
        } else {
            return Err(InputError::Missing(argument.clone()));
        }
    }
    Ok(inputs)
}

fn add_matches(pattern: &str, inputs: &mut Vec<Input>) -> Result<(), InputError> {
    let bad = |error: &dyn std::fmt::Display| InputError::Pattern(pattern.to_string(), error.to_string());
    let before = inputs.len();
    for path in glob::glob(pattern).map_err(|error| bad(&error))? {
        let path = path.map_err(|error| bad(&error))?;
        if path.is_dir() {
            add_folder(&path, inputs)?;
        } else {
            inputs.push(Input::File(path));
        }
    }
    if inputs.len() == before {
        return Err(InputError::NoMatch(pattern.to_string()));
    }
    Ok(())
}

fn add_folder(folder: &Path, inputs: &mut Vec<Input>) -> Result<(), InputError> {
    let before = inputs.len();
    let mut folders = vec![folder.to_path_buf()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        let failed = || InputError::io(folder.display());
        for entry in std::fs::read_dir(&folder).map_err(failed())? {
            let path = entry.map_err(failed())?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if name.starts_with('.') {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if is_input(&name) {
                files.push(path);
            }
        }
    }
    files.sort();
    inputs.extend(files.into_iter().map(Input::File));
    if inputs.len() == before {
        return Err(InputError::EmptyFolder(folder.display().to_string()));
    }
    Ok(())
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
            assert_eq!(expand(&arguments).unwrap(), want, "{arguments:?}");
        };
        check(&["ROOT"], &["a.JSON", "b.ndjson.gz", "sub/c.jsonl.zst"]);
        check(&["ROOT/*.txt"], &["note.txt"]);
        check(&["ROOT/note.txt", "ROOT/s*"], &["note.txt", "sub/c.jsonl.zst"]);
        for missing in ["ROOT/nope", "ROOT/nope*", "ROOT/sub/.hidden/f", "ROOT/***"] {
            let argument = missing.replace("ROOT", &root.display().to_string());
            let error = expand(std::slice::from_ref(&argument)).unwrap_err().to_string();
            assert!(error.contains(&argument), "{error}");
        }
    }
}
