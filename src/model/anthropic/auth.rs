/// How the key is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Auth {
    /// In the header `x-api-key`.
    #[default]
    ApiKey,
    /// In the header `authorization`, as a bearer token.
    Bearer,
}
