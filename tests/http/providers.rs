//! The provider of a call: by settings, the request's extensions, host, path and format.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::{BodyExt, Full};
use support::http::{HELLO, Scripted, Upstream, event_stream};
use support::{Mode, Recorders};
use tower::Layer;
use tower_llm_callbacks::{
    EventData, HttpCallbackLayer,
    http_layer::Provider,
    wire::{
        Format, LlmHttpRequest,
        anthropic::AnthropicMessages,
        bedrock::{BedrockConverse, BedrockInvoke},
        cohere::CohereChat,
        gemini::Gemini,
        gemini_interactions::GeminiInteractions,
        mistral::MistralConversations,
        ollama::{OllamaChat, OllamaGenerate},
        openai_chat::{OpenAiChat, OpenAiCompletions},
        openai_responses::OpenAiResponses,
    },
};

/// The provider of a call as its start, and its result, have it.
async fn provider(
    layer: impl FnOnce(HttpCallbackLayer) -> HttpCallbackLayer,
    target: &str,
    chosen: Option<Provider>,
) -> String {
    let recorders = Recorders::new(&[Mode::Inline]);
    let layer = layer(HttpCallbackLayer::new(recorders.callbacks.clone()));
    let request =
        Request::post(target).header("host", "api.x.ai").body(Full::from(r#"{"messages":[]}"#));
    let mut request: Request<Full<Bytes>> = request.unwrap();
    if let Some(chosen) = chosen {
        request.extensions_mut().insert(chosen);
    }
    let server = Upstream(|| event_stream(Scripted::chunks(HELLO)));
    let response = layer.layer(server).oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap();
    let events = recorders.each[0].1.events();
    match &events[0].data {
        EventData::LlmStart(start) | EventData::ModelStart(_, start) => start.provider.to_string(),
        _ => panic!("{events:?}"),
    }
}

#[tokio::test]
async fn what_is_set_precedes_what_is_known() {
    let groq = "https://api.groq.com/openai/deployments/d/chat/completions";
    let chosen = || Some(Provider::new("chosen"));
    let none = |layer: HttpCallbackLayer| layer;
    let layers = |layer: HttpCallbackLayer| layer.provider("layer");
    let routes = |layer: HttpCallbackLayer| {
        layer
            .provider("layer")
            .provider_for("/openai/*", "first")
            .provider_for("*/completions", "route")
    };
    assert_eq!(provider(routes, groq, chosen()).await, "route");
    assert_eq!(provider(routes, "/v1/messages", chosen()).await, "layer");
    assert_eq!(provider(routes, "/openai/v1/x/../chat%2Fcompletions/", None).await, "route");
    assert_eq!(provider(layers, groq, chosen()).await, "layer");
    assert_eq!(provider(none, groq, chosen()).await, "chosen");
    assert_eq!(provider(none, groq, None).await, "groq");
    let path = "https://gateway.example/openai/deployments/d/chat/completions";
    assert_eq!(provider(none, path, None).await, "azure.ai.openai");
    // The header `Host` is the gateway's own.
    assert_eq!(provider(none, "/v1/chat/completions", None).await, "openai");
    assert_eq!(provider(none, "/v1/messages", None).await, "anthropic");
}

/// Every format knows every host.
#[test]
fn known_hosts_are_those_of_all_formats() {
    let formats: [(&dyn Format, &str); 12] = [
        (&AnthropicMessages, "anthropic"),
        (&OpenAiChat, "openai"),
        (&OpenAiCompletions, "openai"),
        (&OpenAiResponses, "openai"),
        (&Gemini, "gcp.gemini"),
        (&OllamaChat, "ollama"),
        (&OllamaGenerate, "ollama"),
        (&BedrockConverse, "aws.bedrock"),
        (&BedrockInvoke, "aws.bedrock"),
        (&CohereChat, "cohere"),
        (&GeminiInteractions, "gcp.gemini"),
        (&MistralConversations, "mistral_ai"),
    ];
    let (headers, body) = (HeaderMap::new(), Bytes::from_static(b"{}"));
    let start = |format: &dyn Format, uri: &str| {
        let uri: Uri = uri.parse().unwrap();
        format.start(&LlmHttpRequest::new(&Method::POST, &uri, &headers, &body)).provider
    };
    for (host, expected) in [
        ("api.openai.com", "openai"),
        ("chatgpt.com", "openai"),
        ("api.anthropic.com", "anthropic"),
        ("generativelanguage.googleapis.com", "gcp.gemini"),
        ("aiplatform.googleapis.com", "gcp.vertex_ai"),
        ("us-central1-aiplatform.googleapis.com", "gcp.vertex_ai"),
        ("aiplatform.eu.rep.googleapis.com", "gcp.vertex_ai"),
        ("bedrock-runtime.us-east-1.amazonaws.com", "aws.bedrock"),
        ("bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "aws.bedrock"),
        ("bedrock-mantle.eu-west-1.api.aws", "aws.bedrock"),
        ("vpce-0a.bedrock-runtime.us-east-1.vpce.amazonaws.com", "aws.bedrock"),
        ("r.openai.azure.com", "azure.ai.openai"),
        ("r.cognitiveservices.azure.com", "azure.ai.openai"),
        ("r.services.ai.azure.com", "azure.ai.inference"),
        ("r.eastus.models.ai.azure.com", "azure.ai.inference"),
        ("models.github.ai", "github"),
        ("us-south.ml.cloud.ibm.com", "ibm.watsonx.ai"),
        ("api.cohere.com", "cohere"),
        ("api.perplexity.ai", "perplexity"),
        ("eu-west-1.api.x.ai", "x_ai"),
        ("api.deepseek.com", "deepseek"),
        ("api.groq.com", "groq"),
        ("codestral.mistral.ai", "mistral_ai"),
        ("openrouter.ai", "openrouter"),
        ("OpenRouter.AI", "openrouter"),
        ("openrouter.ai:443", "openrouter"),
        ("api.together.xyz", "together"),
        ("api.fireworks.ai", "fireworks"),
        ("api.cerebras.ai", "cerebras"),
        ("ai-gateway.vercel.sh", "vercel"),
        ("router.huggingface.co", "hugging_face"),
        ("api.z.ai", "z_ai"),
        ("api.moonshot.cn", "moonshot"),
        ("dashscope-intl.aliyuncs.com", "alibaba"),
        ("adb-1.2.azuredatabricks.net", "databricks"),
        ("dbc-1.cloud.databricks.com", "databricks"),
        ("gateway.ai.cloudflare.com", "cloudflare"),
        ("integrate.api.nvidia.com", "nvidia"),
        ("api.sambanova.ai", "sambanova"),
        ("api.minimax.io", "minimax"),
        ("inference.baseten.co", "baseten"),
        ("api.deepinfra.com", "deepinfra"),
        ("api.novita.ai", "novita"),
        ("me.snowflakecomputing.com", "snowflake"),
        ("api.writer.com", "writer"),
        ("api.ai21.com", "ai21"),
        ("api.voyageai.com", "voyage"),
        ("api.jina.ai", "jina"),
        ("api.replicate.com", "replicate"),
        ("ollama.com", "ollama"),
    ] {
        for (format, _) in formats {
            let found = start(format, &format!("https://{host}/v1/x"));
            assert_eq!(&*found, expected, "{host} {format:?}");
        }
        assert_eq!(Provider::of_host(host), Some(Provider::new(expected)), "{host}");
    }
    for host in [
        "gateway.example",
        "notgroq.com",
        "groq.com.example",
        "groq.example",
        "x.ai.evil.example",
        "127.0.0.1:8080",
        "[::1]:80",
        "googleapis.com",
        "bedrock.example",
        "amazonaws.com",
        "com",
    ] {
        for (format, default) in formats {
            let found = start(format, &format!("https://{host}/v1/x"));
            assert_eq!(&*found, default, "{host} {format:?}");
        }
        assert_eq!(Provider::of_host(host), None, "{host}");
    }
}

#[tokio::test]
async fn paths_of_known_providers_are_kept_by_gateways() {
    for (path, expected) in [
        ("/openai/deployments/d/chat/completions", "azure.ai.openai"),
        ("/openai/d%65ployments/d/chat/completions", "azure.ai.openai"),
        ("/openai/v1/chat/completions?api-version=1", "azure.ai.openai"),
        ("/models/chat/completions?api-version=1", "azure.ai.inference"),
        ("/v1/projects/p/locations/l/publishers/google/models/m:generateContent", "gcp.vertex_ai"),
        ("/v1/projects/p/locations/l/endpoints/openapi/chat/completions", "gcp.vertex_ai"),
        ("/serving-endpoints/e/invocations", "databricks"),
        ("/serving-endpoints/anthropic/v1/messages", "databricks"),
        ("/ml/v1/text/chat?version=1", "ibm.watsonx.ai"),
        ("/v1/projects/p/locations/l/endpoints/12:generateContent", "gcp.vertex_ai"),
        ("/v1/projects/p/locations/l/publishers/ai21/models/m:rawPredict", "gcp.vertex_ai"),
        ("/v1/fim/completions", "mistral_ai"),
        ("/v1/chat/moderations", "mistral_ai"),
        ("/v1/multimodalembeddings", "voyage"),
        ("/v1/contextualizedembeddings", "voyage"),
        ("/api/v1/services/rerank/text-rerank/text-rerank", "alibaba"),
        ("/api/v1/services/embeddings/text-embedding/text-embedding", "alibaba"),
        ("/v2/chat", "cohere"),
        ("/v1beta/interactions", "gcp.gemini"),
        ("/v1/messages", "anthropic"),
    ] {
        assert_eq!(provider(|layer| layer, path, None).await, expected, "{path}");
        let path = format!("/gateway{path}");
        assert_eq!(provider(|layer| layer, &path, None).await, expected, "{path}");
    }
    // Of servers without a prefix.
    for (path, expected) in [("/embed", "hugging_face"), ("/embedding", "llama_cpp")] {
        assert_eq!(provider(|layer| layer, path, None).await, expected, "{path}");
    }
    let target = "https://r.services.ai.azure.com/openai/v1/chat/completions";
    assert_eq!(provider(|layer| layer, target, None).await, "azure.ai.openai");
}
