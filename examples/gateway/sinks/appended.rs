use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde::Serialize;

/// A file that lines are appended to: that of its path, whatever other programs do with it.
#[derive(Debug)]
pub(super) struct Appended {
    pub(super) path: PathBuf,
    file: File,
    pub(super) size: u64,
    /// Whether the last line lacks its end: the process before may have stopped there.
    torn: bool,
    /// Whether the path has another file or none, and cannot be opened.
    lost: bool,
    pub(super) status: FileStatus,
}

/// What has failed of a file, for `/readyz`.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct FileStatus {
    pub(super) failed_rotations: u64,
    failed_opens: u64,
    /// Those that were written after the file was removed, while there was no other.
    lost_lines: u64,
}

impl Appended {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let opened = open(&path)?;
        let (file, size, torn) = (opened.file, opened.size, opened.torn);
        Ok(Self { path, file, size, torn, lost: false, status: FileStatus::default() })
    }

    /// Writes a part of some lines. Returns its length.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        if self.torn {
            self.file.write_all(b"\n")?;
            (self.torn, self.size) = (false, self.size + 1);
        }
        let written = self.file.write(lines)?;
        self.size += written as u64;
        if self.lost && self.file.metadata().is_ok_and(|it| it.nlink() == 0) {
            let lost = lines[..written].iter().filter(|byte| **byte == b'\n').count() as u64;
            self.status.lost_lines += lost;
            metrics::counter!("gateway_file_lost_lines_total").increment(lost);
        }
        Ok(written)
    }

    /// Opens the file of the path, if another program has removed or renamed the one that is open. If that fails, lines go on
    /// into the open one. Returns whether this is the file of the path now.
    pub(super) fn follow(&mut self) -> bool {
        // A pipe or a device has no other, and opening one may wait for ever.
        if !self.file.metadata().is_ok_and(|it| it.is_file()) {
            return true;
        }
        let opened = match fs::metadata(&self.path) {
            Ok(named) if !named.is_file() => Err(io::Error::other("it is no file")),
            Ok(named) if self.is(&named) => {
                self.lost = false;
                return true;
            }
            _ => open(&self.path),
        };
        // Once, however often it is tried.
        let was_lost = self.lost;
        match opened {
            Err(_) if was_lost => {}
            opened => {
                if let Err(error) = self.take(opened) {
                    eprintln!("{error}: its lines are lost until it can be opened");
                }
            }
        }
        !self.lost
    }

    /// Takes over the file that was opened at the path, unless it is the same as before.
    pub(super) fn take(&mut self, opened: io::Result<Opened>) -> io::Result<()> {
        match opened {
            Ok(opened) => {
                self.lost = false;
                if !opened.file.metadata().is_ok_and(|it| self.is(&it)) {
                    (self.file, self.size, self.torn) = (opened.file, opened.size, opened.torn);
                }
                Ok(())
            }
            Err(error) => {
                self.lost = true;
                self.status.failed_opens += 1;
                count_failure("open");
                Err(io::Error::other(format!("{}: {error}", self.path.display())))
            }
        }
    }

    /// Returns when the file was written, unless it has no lines.
    pub(super) fn written(&self) -> Option<SystemTime> {
        self.file.metadata().ok().filter(|_| self.size > 0)?.modified().ok()
    }

    fn is(&self, other: &Metadata) -> bool {
        let id = |of: &Metadata| (of.dev(), of.ino());
        self.file.metadata().is_ok_and(|file| id(&file) == id(other))
    }
}

/// A file that was opened to append to it.
pub(super) struct Opened {
    file: File,
    size: u64,
    torn: bool,
}

pub(super) fn open(path: &Path) -> io::Result<Opened> {
    let file = OpenOptions::new().append(true).create(true).open(path)?;
    let data = file.metadata()?;
    let size = data.len();
    Ok(Opened { torn: data.is_file() && size > 0 && is_torn(path), file, size })
}

/// A file that may not be read may be torn: an empty line does less harm than two records in one.
fn is_torn(path: &Path) -> bool {
    let last = || {
        let (mut file, mut last) = (File::open(path)?, [0]);
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        io::Result::Ok(last)
    };
    last().map_or(true, |last| last != *b"\n")
}

pub(super) fn count_failure(operation: &'static str) {
    metrics::counter!("gateway_file_failures_total", "operation" => operation).increment(1);
}
