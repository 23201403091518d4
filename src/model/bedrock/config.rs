use bytes::Bytes;
use http::Request;
use tower::BoxError;

use super::{request, signer::Signer};
use crate::{
    chat::{ChatRequest, ModelError, identity::Identity},
    model::{
        ConfigError, ModelLayer, ModelService, Secret,
        api::Api,
        base_url::BaseUrl,
        connection::{Connection, KeyHeader, connected},
        endpoint::{Connect, Endpoint},
        environment::Environment,
        response_reader::ResponseReader,
    },
    wire::bedrock::BedrockConverse,
};

const BASE_URL: BaseUrl = BaseUrl {
    example: "https://bedrock-runtime.us-east-1.amazonaws.com",
    path: "/model/",
    excess: &["/model"],
};

/// A layer that turns an HTTP client service into a [`BedrockModel`].
pub type BedrockLayer = ModelLayer<BedrockConfig>;

/// A service from [`ChatRequest`] to [`ChatStream`](crate::chat::ChatStream) over an HTTP client service, for Amazon
/// Bedrock's `Converse` and `ConverseStream`.
///
/// # Errors
///
/// Those of an [`AnthropicModel`](crate::model::anthropic::AnthropicModel). What `Converse` has no form for is invalid too.
/// A signer that fails is a [`ModelError::Transport`].
pub type BedrockModel<S> = ModelService<S, BedrockConfig>;

/// The configuration of a [`BedrockModel`].
///
/// The `Debug` form omits the key, the values of extra headers, and an invalid base URL, which may hold a secret.
///
/// ```
/// use tower_llm_callbacks::model::bedrock::BedrockConfig;
///
/// BedrockConfig::new("us-east-1", "bedrock-api-key-1").validate()?;
/// assert!(BedrockConfig::new("", "bedrock-api-key-1").validate().is_err());
/// # Ok::<_, tower_llm_callbacks::model::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct BedrockConfig {
    connection: Connection,
    signer: Option<Signer>,
    region: String,
}

impl BedrockConfig {
    /// Creates a configuration for a region, with one of Bedrock's API keys as a bearer token.
    pub fn new(region: impl Into<String>, api_key: impl Into<Secret>) -> Self {
        Self::over(Connection::new(BASE_URL, Some(api_key.into())), region.into(), None)
    }

    /// Creates a configuration for a region, with a closure that signs each request: by version 4 of AWS's signatures, which
    /// needs credentials instead of a key.
    ///
    /// The closure gets the complete request and adds headers to it. It runs in the call: credentials that take I/O are
    /// fetched elsewhere. A client adds `host`, so that a signature which includes it reads it from the URI. The path is
    /// encoded once; the service `bedrock` signs it encoded twice, as the crate `aws-sigv4` does by default.
    ///
    /// ```
    /// use http::HeaderValue;
    /// use tower_llm_callbacks::model::bedrock::BedrockConfig;
    ///
    /// # struct Credentials;
    /// # impl Credentials {
    /// #     fn signature(&self, _: &http::Method, _: &http::Uri, _: &[u8]) -> String { "AWS4-HMAC-SHA256 …".into() }
    /// # }
    /// # let credentials = Credentials;
    /// let config = BedrockConfig::signed("us-east-1", move |request| {
    ///     let signature = credentials.signature(request.method(), request.uri(), request.body());
    ///     request.headers_mut().insert("authorization", HeaderValue::try_from(signature)?);
    ///     Ok(())
    /// });
    /// # config.validate().unwrap();
    /// ```
    pub fn signed(
        region: impl Into<String>,
        sign: impl Fn(&mut Request<Bytes>) -> Result<(), BoxError> + Send + Sync + 'static,
    ) -> Self {
        Self::over(Connection::new(BASE_URL, None), region.into(), Some(Signer::new(sign)))
    }

    fn over(connection: Connection, region: String, signer: Option<Signer>) -> Self {
        let config = Self { connection, signer, region };
        let url = format!("https://bedrock-runtime.{}.amazonaws.com", config.region);
        config.base_url(url)
    }

    /// Creates a configuration from the environment variables `AWS_BEARER_TOKEN_BEDROCK`, `AWS_REGION` or else
    /// `AWS_DEFAULT_REGION` and, if set, `AWS_ENDPOINT_URL_BEDROCK_RUNTIME`.
    ///
    /// # Errors
    ///
    /// Returns an error if the key or the region is not set or if a variable is invalid.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_environment(&Environment::process())
    }

    fn from_environment(environment: &Environment<'_>) -> Result<Self, ConfigError> {
        let key = environment.api_key("AWS_BEARER_TOKEN_BEDROCK")?;
        let region = match environment.optional("AWS_REGION")? {
            None => environment.optional("AWS_DEFAULT_REGION")?,
            region => region,
        };
        let problem = "is not set: set this environment variable to a region such as us-east-1";
        let region = region.ok_or_else(|| ConfigError::missing("AWS_REGION", problem))?;
        let mut config = Self::new(region, key);
        if let Some(url) = environment.optional("AWS_ENDPOINT_URL_BEDROCK_RUNTIME")? {
            config = config.base_url(url);
        }
        config.validate()?;
        Ok(config)
    }
}

connected! {
    /// Sets the URL to which `/model/…` is appended: an `http` or `https` URL without user and query. By default it is that
    /// of the region.
    BedrockConfig
}

impl Connect for BedrockConfig {
    fn endpoint(&self) -> Result<Endpoint, ConfigError> {
        if self.region.is_empty() {
            let problem = "must not be empty: use a region such as us-east-1";
            return Err(ConfigError::missing("region", problem));
        }
        self.connection.endpoint(KeyHeader::Bearer, [])
    }

    fn sign(&self, request: &mut Request<Bytes>) -> Result<(), ModelError> {
        self.signer.as_ref().map_or(Ok(()), |signer| signer.sign(request))
    }
}

impl Api for BedrockConfig {
    fn request(&self, request: &ChatRequest) -> Result<(String, Vec<u8>), ModelError> {
        let operation = if request.stream { "converse-stream" } else { "converse" };
        Ok((path(&request.model, operation)?, request::body(request)?))
    }

    fn identity(&self) -> Identity {
        Identity { provider: "aws.bedrock", api: "converse" }
    }

    fn response_reader(&self) -> ResponseReader {
        ResponseReader { format: &BedrockConverse, request_id: "x-amzn-requestid" }
    }
}

/// Returns the path of an operation of a model. Names have colons, and ARNs slashes.
fn path(model: &str, operation: &str) -> Result<String, ModelError> {
    if model.is_empty() {
        return Err(ModelError::invalid("no model: pass its id or ARN to ChatRequest::new"));
    }
    let mut path = BASE_URL.path.to_owned();
    for byte in model.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => path.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => path.push(char::from(byte)),
            byte => path += &format!("%{byte:02X}"),
        }
    }
    Ok(path + "/" + operation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_region_and_url_are_read_from_the_environment() {
        let from = |variables: &[_]| BedrockConfig::from_environment(&Environment::of(variables));
        let key = ("AWS_BEARER_TOKEN_BEDROCK", "k");
        let config = from(&[key, ("AWS_DEFAULT_REGION", "eu-west-1")]).unwrap();
        let url = "https://bedrock-runtime.eu-west-1.amazonaws.com";
        assert_eq!(config.connection.base_url, url);
        let own = ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "http://localhost:1");
        let config = from(&[key, ("AWS_REGION", "us-east-1"), own]).unwrap();
        assert_eq!(config.connection.base_url, "http://localhost:1");
        let error = from(&[key]).unwrap_err();
        assert!(error.is_missing() && error.field() == "AWS_REGION", "{error}");
        let error = from(&[("AWS_REGION", "us-east-1")]).unwrap_err();
        assert!(error.field() == "AWS_BEARER_TOKEN_BEDROCK", "{error}");
    }
}
