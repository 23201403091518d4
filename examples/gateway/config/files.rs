use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use super::JsonlSettings;

/// The files that sinks write to.
#[derive(Default)]
pub(super) struct Files {
    all: HashSet<PathBuf>,
    rotated: HashSet<PathBuf>,
}

impl Files {
    /// Adds the file of a sink. The error says why it cannot be that.
    pub(super) fn add(&mut self, jsonl: &JsonlSettings) -> Result<(), &'static str> {
        let path = resolved(&jsonl.path);
        if self.all.contains(&path) {
            return Err("another sink writes to this file: leave one out");
        }
        let is_old = current_of(&path).is_some_and(|current| self.rotated.contains(&current));
        let takes_old = |other: &PathBuf| current_of(other).is_some_and(|current| current == path);
        if is_old || (jsonl.rotates() && self.all.iter().any(takes_old)) {
            return Err("it has the name of an old file of another sink: name it otherwise");
        }
        if jsonl.rotates() {
            self.rotated.insert(path.clone());
        }
        self.all.insert(path);
        Ok(())
    }
}

/// Returns the same path for all spellings of a file, whether it exists or not.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    if path == Path::new("-") {
        return path.to_owned();
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let in_folder = || {
        let folder = fs::canonicalize(folder.unwrap_or(Path::new("."))).ok()?;
        Some(folder.join(path.file_name()?))
    };
    fs::canonicalize(path).ok().or_else(in_folder).unwrap_or_else(|| path.to_owned())
}

/// Returns the file of which one is an old one by its name: `events.jsonl` of `events.jsonl.1`.
fn current_of(path: &Path) -> Option<PathBuf> {
    let number = path.extension()?.to_str()?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| path.with_extension(""))
}
