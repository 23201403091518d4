use clap::Parser;

use super::{Problem, Settings, file::ConfigFile};

/// The settings that apply: those of the command line, and where it has none, those of the file that it names.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) settings: Settings,
    command_line: Settings,
    file: Option<ConfigFile>,
}

impl Loaded {
    /// Reads the command line of the process, and the file. Exits if the command line is not valid.
    pub(crate) fn from_command_line() -> Result<Self, String> {
        let loaded = Self::read(Settings::parse())?;
        loaded.settings.check_start().map_err(|problem| loaded.message(&problem))?;
        Ok(loaded)
    }

    /// Reads the file again.
    pub(crate) fn again(&self) -> Result<Self, String> {
        Self::read(self.command_line.clone())
    }

    fn read(command_line: Settings) -> Result<Self, String> {
        let file = command_line.config.as_deref().map(ConfigFile::read).transpose()?;
        let (file, settings) = file.unzip();
        let settings = command_line.clone().or(settings.unwrap_or_default());
        let loaded = Self { settings, command_line, file };
        loaded.settings.check().map_err(|problem| loaded.message(&problem))?;
        Ok(loaded)
    }

    /// Returns a message about a setting: where it is, and what to do.
    pub(crate) fn message(&self, problem: &Problem) -> String {
        let top = problem.key.split(['.', '[']).next().unwrap_or_default();
        match &self.file {
            Some(file) if file.has(top) && !self.command_line.has(top) => file.message(problem),
            _ if problem.key.contains(['.', '[']) => problem.to_string(),
            _ => format!("--{}: {}", problem.key.replace('_', "-"), problem.message),
        }
    }
}
