//! Files that people name for a command's output: replaced at once, whole; pipes and devices are written to as they are.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// What an output is written to.
pub(crate) enum OutputFile {
    /// Takes the target's place in the end: what was there stays until all of the new is.
    Replacement { file: NamedTempFile, target: PathBuf },
    /// A pipe or a device, which must stay what it is.
    Stream(File),
}

impl OutputFile {
    /// Begins the output. A link stays one, and leads to what is written. A new file has these permissions, as far as the
    /// user's mask leaves them.
    ///
    /// # Errors
    /// The folder is missing or can't be written to, or what is there can't be opened.
    pub(crate) fn create(path: &Path, mode: u32) -> io::Result<OutputFile> {
        if is_stream(path) {
            return Ok(OutputFile::Stream(File::options().write(true).open(path)?));
        }
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        let (mut options, mut code) = (File::options(), None);
        options.write(true).create_new(true).mode(mode);
        let open = |path: &Path| {
            options
                .open(path)
                .inspect_err(|error| code = error.raw_os_error())
        };
        let file = tempfile::Builder::new()
            .make_in(folder.unwrap_or(Path::new(".")), open)
            // The name of the temporary file says nothing to whoever named another.
            .map_err(|error| code.map_or(error, io::Error::from_raw_os_error))?;
        Ok(OutputFile::Replacement { file, target })
    }

    /// The file to be written.
    pub(crate) fn file(&self) -> &File {
        match self {
            OutputFile::Replacement { file, .. } => file.as_file(),
            OutputFile::Stream(file) => file,
        }
    }

    /// Puts the whole in its place.
    pub(crate) fn finish(self) -> io::Result<()> {
        if let OutputFile::Replacement { file, target } = self {
            file.as_file().sync_all()?;
            file.persist(target)?;
        }
        Ok(())
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file().flush()
    }
}

/// Whether the path names something that holds no content of its own to be replaced.
pub(crate) fn is_stream(path: &Path) -> bool {
    path.exists() && !path.is_file()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::fs::FileTypeExt as _;
    use std::process::Command;

    use super::*;

    fn write(path: &Path, text: &str) {
        let mut output = OutputFile::create(path, 0o666).unwrap();
        output.write_all(text.as_bytes()).unwrap();
        output.finish().unwrap();
    }

    #[test]
    fn a_file_is_replaced_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page");
        fs::write(&path, "old").unwrap();
        let mut output = OutputFile::create(&path, 0o666).unwrap();
        output.write_all(b"new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        output.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_error_names_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let failed = OutputFile::create(&folder.path().join("missing/page"), 0o666).err();
        let failed = failed.unwrap();
        assert_eq!(failed.kind(), io::ErrorKind::NotFound);
        assert!(!failed.to_string().contains(".tmp"), "{failed}");
    }

    #[test]
    fn a_link_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let (page, link) = (folder.path().join("page"), folder.path().join("link"));
        fs::write(&page, "old").unwrap();
        std::os::unix::fs::symlink(&page, &link).unwrap();
        write(&link, "new");
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&page).unwrap(), "new");
    }

    #[test]
    fn a_pipe_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let from = path.clone();
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            File::open(from).unwrap().read_to_string(&mut text).unwrap();
            text
        });
        write(&path, "text");
        assert_eq!(reader.join().unwrap(), "text");
        assert!(fs::metadata(&path).unwrap().file_type().is_fifo());
    }
}
