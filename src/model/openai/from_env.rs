use super::OpenAiConfig;
use crate::model::{ConfigError, environment};

impl OpenAiConfig {
    /// As [`new`](Self::new), with the key in the environment variable `OPENAI_API_KEY` and, where they
    /// are set, the URL in `OPENAI_BASE_URL`, the organization in `OPENAI_ORG_ID` and the project in
    /// `OPENAI_PROJECT_ID`.
    ///
    /// # Errors
    ///
    /// If there is no key, or one of them cannot be used.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_variables(environment::variable)
    }

    fn from_variables(
        variable: impl Fn(&str) -> Result<Option<String>, ConfigError>,
    ) -> Result<Self, ConfigError> {
        let variable = |name| variable(name).map(environment::filled);
        let key = variable("OPENAI_API_KEY")?.ok_or_else(|| {
            ConfigError::new("set the environment variable OPENAI_API_KEY to your API key")
        })?;
        let mut config = Self::new(key);
        if let Some(url) = variable("OPENAI_BASE_URL")? {
            config = config.base_url(url);
        }
        config.organization = variable("OPENAI_ORG_ID")?;
        config.project = variable("OPENAI_PROJECT_ID")?;
        config.validate()?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> Result<OpenAiConfig, ConfigError> {
        OpenAiConfig::from_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            Ok(found.map(|(_, value)| (*value).to_owned()))
        })
    }

    #[test]
    fn the_environment_gives_key_url_organization_and_project() {
        let config = from(&[
            ("OPENAI_API_KEY", "k\n"),
            ("OPENAI_BASE_URL", "http://h/v1"),
            ("OPENAI_ORG_ID", "org-1"),
            ("OPENAI_PROJECT_ID", "proj_1"),
        ])
        .unwrap();
        assert_eq!(config.api_key.unwrap().expose(), "k");
        assert_eq!(config.base_url, "http://h/v1");
        assert_eq!(config.organization.as_deref(), Some("org-1"));
        assert_eq!(config.project.as_deref(), Some("proj_1"));

        let config = from(&[("OPENAI_API_KEY", "k"), ("OPENAI_ORG_ID", " ")]).unwrap();
        assert_eq!(config.base_url, "https://api.openai.com/v1");
        assert_eq!((config.organization, config.project), (None, None));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for variables in [&[][..], &[("OPENAI_API_KEY", " ")]] {
            let error = from(variables).unwrap_err().to_string();
            assert!(error.contains("OPENAI_API_KEY"), "{error}");
        }
        let error = from(&[("OPENAI_API_KEY", "k"), ("OPENAI_BASE_URL", "nowhere")]);
        assert!(error.unwrap_err().to_string().contains("base URL"));
        let error = from(&[("OPENAI_API_KEY", "k"), ("OPENAI_PROJECT_ID", "ü")]);
        assert!(error.unwrap_err().to_string().contains("project"));
    }
}
