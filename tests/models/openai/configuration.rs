//! Configurations: URLs, headers, secrets and errors.

use tower::Layer;
use tower_llm_callbacks::{
    chat::ModelError,
    model::openai::{OpenAiApi, OpenAiConfig, OpenAiLayer},
};

use super::{APIS, config, exchange, hello, ok, refused, sent, text};

fn path(api: OpenAiApi) -> &'static str {
    match api {
        OpenAiApi::Responses => "/responses",
        _ => "/chat/completions",
    }
}

#[tokio::test]
async fn the_path_is_added_to_the_base_url() {
    for api in APIS {
        let http = sent(config(api), hello()).await;
        assert_eq!(http.method(), http::Method::POST);
        assert_eq!(http.uri().to_string(), format!("https://api.openai.com/v1{}", path(api)));

        for (base, expected) in [
            ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
            ("http://127.0.0.1:8000/v1//", "http://127.0.0.1:8000/v1"),
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("https://[::1]/a/b/", "https://[::1]/a/b"),
            ("https://gateway.example/chat", "https://gateway.example/chat"),
        ] {
            let http = sent(config(api).base_url(base), hello()).await;
            assert_eq!(http.uri().to_string(), format!("{expected}{}", path(api)));
        }
    }
}

#[tokio::test]
async fn only_configured_headers_are_sent() {
    let headers = async |config: OpenAiConfig| {
        let http = sent(config, hello()).await;
        let text = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        let mut headers: Vec<_> = http.headers().iter().map(text).collect();
        headers.sort_unstable();
        headers
    };
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let json = ("content-type", "application/json");
    for api in APIS {
        let bearer = ("authorization", "Bearer sk-CANARY");
        assert_eq!(headers(config(api)).await, pairs(&[bearer, json]));
        let local = OpenAiConfig::without_key("http://127.0.0.1:8000/v1").api(api);
        assert_eq!(headers(local).await, pairs(&[json]));

        let all = config(api)
            .organization("org-1")
            .project("proj_1")
            .header("x-gateway-key", "CANARY-2")
            .header("Content-Type", "application/json; charset=utf-8");
        let expected = pairs(&[
            bearer,
            ("content-type", "application/json; charset=utf-8"),
            ("openai-organization", "org-1"),
            ("openai-project", "proj_1"),
            ("x-gateway-key", "CANARY-2"),
        ]);
        assert_eq!(headers(all).await, expected);

        // A key in another header.
        let azure = OpenAiConfig::without_key("https://me.openai.azure.com/openai/v1");
        let expected = pairs(&[("api-key", "CANARY"), json]);
        assert_eq!(headers(azure.api(api).header("api-key", "CANARY")).await, expected);
    }
}

#[tokio::test]
async fn secrets_are_never_in_debug_output_or_errors() {
    for api in APIS {
        let config = config(api).header("x-other", "CANARY");
        let layer = OpenAiLayer::new(config.clone());
        let http = sent(config.clone(), hello()).await;
        assert!(http.headers()["authorization"].is_sensitive());
        assert!(http.headers()["x-other"].is_sensitive());
        for shown in [
            format!("{config:?}"),
            format!("{layer:?}"),
            format!("{:?}", layer.layer(())),
            format!("{http:#?}"),
        ] {
            assert!(!shown.contains("CANARY"), "{shown}");
        }
        let bad = [
            OpenAiConfig::new("CANARY\n"),
            config.clone().base_url("https://me:CANARY@example.com"),
            config.clone().base_url("https://example.com?key=CANARY"),
            config.clone().base_url("CANARY"),
            config.clone().header("x-other", "CANARY\r\nx: y"),
        ];
        for config in bad {
            let error = config.validate().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("CANARY"), "{error}");
            assert!(!format!("{config:?}").contains("CANARY"), "{config:?}");
            let reason = refused(config, hello()).await;
            assert_eq!(reason, format!("invalid request: {error}"));
        }
    }
}

#[tokio::test]
async fn a_bad_configuration_refuses_every_call() {
    let config = OpenAiConfig::new("");
    let message = config.validate().unwrap_err().to_string();
    for request in [hello(), hello().stream(false)] {
        let (answer, seen) = exchange(config.clone(), request, ok("", text(""))).await;
        let Err(ModelError::InvalidRequest(reason)) = answer else { panic!("{answer:?}") };
        assert_eq!(reason.to_string(), message);
        assert!(seen.is_none());
    }
}

#[test]
fn invalid_configurations_are_explained() {
    let reason = |config: OpenAiConfig| config.validate().unwrap_err().to_string();
    let url = |api, url: &str| reason(config(api).base_url(url));
    assert!(reason(OpenAiConfig::new("")).contains("without_key"));
    for api in APIS {
        assert!(reason(config(api).organization("")).contains("organization must not be empty"));
        assert!(reason(config(api).project("ü")).contains("plain ASCII"));
        assert!(reason(config(api).header("a b", "c")).contains("\"a b\""));
        assert!(url(api, "api.openai.com/v1").contains("https://"));
        assert!(url(api, "ftp://example.com").contains("https://"));
        assert!(url(api, "https://a b").contains("https://api.openai.com/v1"));
        assert!(url(api, "https://me:secret@example.com/v1").contains("password"));
        assert!(url(api, "https://example.com/v1?api-version=1").contains("query"));
        assert!(url(api, "https://example.com/v1#top").contains("fragment"));
        for full in ["/chat/completions", "/chat/completions/", "/completions", "/responses"] {
            let reason = url(api, &format!("https://api.openai.com/v1{full}"));
            assert!(reason.contains(&format!("comes before {}", path(api))), "{reason}");
        }
    }
}
