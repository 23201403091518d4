use std::{
    fs,
    path::{Path, PathBuf},
};

use toml::de::{DeTable, DeValue};

use super::{Problem, Settings};

/// A file of settings.
#[derive(Debug)]
pub(super) struct ConfigFile {
    path: PathBuf,
    text: String,
}

impl ConfigFile {
    /// Reads a file and its settings. The error names the file, and the line and the key if it can.
    pub(super) fn read(path: &Path) -> Result<(Self, Settings), String> {
        let text = fs::read_to_string(path).map_err(|error| {
            format!("--config {}: {error}: name a file that can be read", path.display())
        })?;
        let file = Self { path: path.to_owned(), text };
        let settings = file.parse().map_err(|(line, problem)| file.at(line, &problem))?;
        Ok((file, settings))
    }

    fn parse(&self) -> Result<Settings, (Option<usize>, Problem)> {
        let line = |error: &toml::de::Error| error.span().map(|span| self.line(span.start));
        let document = toml::Deserializer::parse(&self.text).map_err(|error| {
            (line(&error), Problem::new("", format!("{}: correct the syntax", error.message())))
        })?;
        serde_path_to_error::deserialize(document).map_err(|error| {
            let (key, error) = (error.path().to_string(), error.into_inner());
            let key = if key == "." { String::new() } else { key };
            let advice = if error.message().starts_with("missing field") { ": add it" } else { "" };
            // The words of types are those of people.
            let message = error.message().replace("expected u64", "expected a whole number");
            let message = message.replace("expected usize", "expected a whole number");
            (line(&error), Problem::new(key, format!("{message}{advice}")))
        })
    }

    /// Returns a message about a key, with its line if the file has the key or one that it is part of.
    pub(super) fn message(&self, problem: &Problem) -> String {
        self.at(self.line_of(&problem.key), problem)
    }

    fn at(&self, line: Option<usize>, problem: &Problem) -> String {
        let line = line.map(|line| format!(":{line}")).unwrap_or_default();
        let separator = if problem.key.is_empty() { "" } else { ": " };
        format!("{}{line}: {}{separator}{}", self.path.display(), problem.key, problem.message)
    }

    /// Returns whether the file has a key at its top level.
    pub(super) fn has(&self, key: &str) -> bool {
        DeTable::parse(&self.text).is_ok_and(|table| table.get_ref().contains_key(key))
    }

    fn line_of(&self, key: &str) -> Option<usize> {
        let table = DeTable::parse(&self.text).ok()?;
        let mut steps = key.split(['.', '[']).map(|step| step.trim_end_matches(']'));
        let mut found = table.get_ref().get(steps.next()?)?;
        for step in steps {
            let inner = match found.get_ref() {
                DeValue::Array(items) => step.parse().ok().and_then(|at: usize| items.get(at)),
                DeValue::Table(table) => table.get(step),
                _ => None,
            };
            let Some(inner) = inner else { break };
            found = inner;
        }
        Some(self.line(found.span().start))
    }

    fn line(&self, at: usize) -> usize {
        1 + self.text.as_bytes()[..at.min(self.text.len())]
            .iter()
            .filter(|it| **it == b'\n')
            .count()
    }
}
