use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use super::appended::{Appended, FileStatus, count_failure, open};

/// After a rotation that failed, the file goes on for so long before another one.
const RETRY: Duration = Duration::from_secs(60);

/// A file that becomes an old one when it is large, or when a period of time has ended: `FILE.1` is the newest old one. The
/// oldest is removed. Periods are multiples of their length, so that a restart does not lengthen them.
///
/// Files are rotated between two writes, so a line is never split over two of them. Only one process may write to the file.
#[derive(Debug, Clone)]
pub(super) struct Rotation(Arc<Mutex<Rotating>>);

#[derive(Debug)]
struct Rotating {
    file: Appended,
    /// The number of the period that the file is of.
    period: u64,
    max_size: Option<u64>,
    every: Option<Duration>,
    keep: usize,
    failed: Option<Instant>,
}

impl Rotation {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(Arc::new(Mutex::new(Rotating {
            file: Appended::open(path)?,
            period: 0,
            max_size: None,
            every: None,
            keep: 0,
            failed: None,
        }))))
    }

    /// Sets when the file is rotated, and how many old ones are kept.
    pub(super) fn set(&self, max_size: Option<u64>, every: Option<Duration>, keep: usize) {
        self.with(|it| {
            (it.max_size, it.every, it.keep) = (max_size, every, keep);
            // A file without lines is of the present.
            it.period = it.period_at(it.file.written().unwrap_or_else(SystemTime::now));
        });
    }

    /// Opens the file anew, if another program has renamed or removed it.
    ///
    /// That may take long. Writers do not wait for it.
    pub(super) fn reopen(&self) -> io::Result<()> {
        let path = self.with(|it| it.file.path.clone());
        let opened = open(&path);
        self.with(|it| it.file.take(opened))
    }

    /// Returns what has failed, and whether lines do not arrive in the file now.
    pub(super) fn status(&self) -> (FileStatus, bool) {
        self.with(|it| {
            // If it can be opened now, its lines arrive again, whether there are any or not.
            let is_failing = !it.file.follow();
            (it.file.status, is_failing)
        })
    }

    /// Returns whether a handler has the file. Called by its only other owner.
    pub(super) fn is_used(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    fn with<T>(&self, f: impl FnOnce(&mut Rotating) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Rotation {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.with(|it| {
            if it.file.follow() {
                it.rotate_if_due(lines.len() as u64);
            }
            it.file.write(lines)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Rotating {
    fn period_at(&self, time: SystemTime) -> u64 {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.every.map_or(0, |every| since.as_secs() / every.as_secs().max(1))
    }

    fn rotate_if_due(&mut self, more: u64) {
        let period = self.period_at(SystemTime::now());
        let size = self.file.size;
        let is_full = self.max_size.is_some_and(|most| size > 0 && size + more > most);
        let is_over = period != self.period && size > 0;
        self.period = period;
        let has_failed = self.failed.is_some_and(|at| at.elapsed() < RETRY);
        if !(is_full || is_over) || has_failed {
            return;
        }
        self.failed = None;
        if let Err(error) = self.rotate() {
            eprintln!("{} cannot be rotated: {error}", self.file.path.display());
            self.failed = Some(Instant::now());
            self.file.status.failed_rotations += 1;
            count_failure("rotate");
        }
    }

    fn rotate(&mut self) -> io::Result<()> {
        // Up to the first number that is free: files are not looked for that are not there.
        let free = (1..self.keep).find(|number| !self.old(*number).exists()).unwrap_or(self.keep);
        for number in (1..free).rev() {
            rename(&self.old(number), &self.old(number + 1))?;
        }
        match self.keep {
            0 => fs::remove_file(&self.file.path)?,
            _ => rename(&self.file.path, &self.old(1))?,
        }
        // Those of settings that kept more.
        for number in self.keep + 1.. {
            if fs::remove_file(self.old(number)).is_err() {
                break;
            }
        }
        self.file.take(open(&self.file.path))
    }

    fn old(&self, number: usize) -> PathBuf {
        let mut path = self.file.path.clone().into_os_string();
        path.push(format!(".{number}"));
        path.into()
    }
}

/// Renames a file, if there is one.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        renamed => renamed,
    }
}
