//! The providers of calls, by host and by path.

use super::{LlmHttpRequest, openai, vertex};

const AZURE_OPENAI: &str = "azure.ai.openai";
const AZURE_INFERENCE: &str = "azure.ai.inference";
const BEDROCK: &str = "aws.bedrock";
const VERTEX: &str = "gcp.vertex_ai";

/// Provider names by host or parent domain. They are the well-known values of `gen_ai.provider.name` in OpenTelemetry's
/// GenAI conventions; for other providers, names in their style.
///
/// A star stands for any part of one label. The first match counts.
const HOSTS: &[(&str, &str)] = &[
    ("openai.com", "openai"),
    ("chatgpt.com", "openai"),
    ("anthropic.com", "anthropic"),
    ("claude.com", "anthropic"),
    // GitHub's models were at a host of Azure's.
    ("models.inference.ai.azure.com", "github"),
    ("models.github.ai", "github"),
    ("githubcopilot.com", "github_copilot"),
    ("inference.ai.azure.com", AZURE_INFERENCE),
    ("models.ai.azure.com", AZURE_INFERENCE),
    ("services.ai.azure.com", AZURE_INFERENCE),
    ("azure.com", AZURE_OPENAI),
    ("openai.azure.us", AZURE_OPENAI),
    ("openai.azure.cn", AZURE_OPENAI),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("*aiplatform.googleapis.com", VERTEX),
    ("aiplatform.*.rep.googleapis.com", VERTEX),
    ("bedrock*.*.amazonaws.com", BEDROCK),
    ("bedrock*.*.amazonaws.com.cn", BEDROCK),
    ("bedrock*.*.vpce.amazonaws.com", BEDROCK),
    ("bedrock*.*.api.aws", BEDROCK),
    ("runtime.sagemaker.*.amazonaws.com", "aws.sagemaker"),
    ("ml.cloud.ibm.com", "ibm.watsonx.ai"),
    ("wxai.ibm.com", "ibm.watsonx.ai"),
    ("cohere.com", "cohere"),
    ("cohere.ai", "cohere"),
    ("perplexity.ai", "perplexity"),
    ("x.ai", "x_ai"),
    ("deepseek.com", "deepseek"),
    ("groq.com", "groq"),
    ("mistral.ai", "mistral_ai"),
    ("openrouter.ai", "openrouter"),
    ("together.xyz", "together"),
    ("together.ai", "together"),
    ("fireworks.ai", "fireworks"),
    ("cerebras.ai", "cerebras"),
    ("vercel.sh", "vercel"),
    ("vercel.com", "vercel"),
    ("v0.dev", "vercel"),
    ("huggingface.co", "hugging_face"),
    ("huggingface.cloud", "hugging_face"),
    ("z.ai", "z_ai"),
    ("bigmodel.cn", "z_ai"),
    ("moonshot.ai", "moonshot"),
    ("moonshot.cn", "moonshot"),
    ("kimi.com", "moonshot"),
    ("dashscope*.aliyuncs.com", "alibaba"),
    ("maas.aliyuncs.com", "alibaba"),
    ("databricks.com", "databricks"),
    ("azuredatabricks.net", "databricks"),
    ("cloudflare.com", "cloudflare"),
    ("nvidia.com", "nvidia"),
    ("sambanova.ai", "sambanova"),
    ("minimax.io", "minimax"),
    ("minimax.chat", "minimax"),
    ("minimaxi.com", "minimax"),
    ("baseten.co", "baseten"),
    ("deepinfra.com", "deepinfra"),
    ("novita.ai", "novita"),
    ("snowflakecomputing.com", "snowflake"),
    ("snowflakecomputing.cn", "snowflake"),
    ("writer.com", "writer"),
    ("ai21.com", "ai21"),
    ("voyageai.com", "voyage"),
    ("jina.ai", "jina"),
    ("pinecone.io", "pinecone"),
    ("mixedbread.com", "mixedbread"),
    ("nomic.ai", "nomic"),
    ("replicate.com", "replicate"),
    ("ollama.com", "ollama"),
    ("nebius.com", "nebius"),
    ("nebius.ai", "nebius"),
    ("hyperbolic.xyz", "hyperbolic"),
    ("siliconflow.com", "siliconflow"),
    ("siliconflow.cn", "siliconflow"),
    ("lambda.ai", "lambda"),
    ("featherless.ai", "featherless"),
    ("friendli.ai", "friendli"),
    ("parasail.io", "parasail"),
    ("inference.net", "inference_net"),
    ("chutes.ai", "chutes"),
    ("venice.ai", "venice"),
    ("poe.com", "poe"),
    ("requesty.ai", "requesty"),
    ("portkey.ai", "portkey"),
    ("helicone.ai", "helicone"),
    ("volces.com", "volcengine"),
    ("bytepluses.com", "byteplus"),
    ("baidubce.com", "baidu"),
    ("hunyuan.cloud.tencent.com", "tencent"),
    ("stepfun.com", "stepfun"),
    ("stepfun.ai", "stepfun"),
    ("upstage.ai", "upstage"),
    ("reka.ai", "reka"),
    ("inceptionlabs.ai", "inception"),
    ("scaleway.ai", "scaleway"),
    ("do-ai.run", "digitalocean"),
    ("anyscale.com", "anyscale"),
    ("runpod.ai", "runpod"),
    ("morphllm.com", "morph"),
    ("oci.oraclecloud.com", "oracle"),
    ("llama.com", "meta"),
    ("wandb.ai", "wandb"),
];

/// Returns the provider at a host, which may have a port.
pub(crate) fn of_host(host: &str) -> Option<&'static str> {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_end_matches('.');
    HOSTS.iter().find(|(domain, _)| is_within(name, domain)).map(|(_, provider)| *provider)
}

/// Whether a host is a domain, or a part of it.
fn is_within(host: &str, domain: &str) -> bool {
    let mut labels = host.rsplit('.');
    domain.rsplit('.').all(|expected| labels.next().is_some_and(|label| matches(label, expected)))
}

fn matches(label: &str, expected: &str) -> bool {
    let Some((start, end)) = expected.split_once('*') else {
        return label.eq_ignore_ascii_case(expected);
    };
    let label = label.to_ascii_lowercase();
    label.len() >= start.len() + end.len() && label.starts_with(start) && label.ends_with(end)
}

/// Providers by the ends of paths that only they have.
const ENDS: [(&str, &str); 5] = [
    ("/agents/completions", "mistral_ai"),
    ("/fim/completions", "mistral_ai"),
    ("/chat/moderations", "mistral_ai"),
    ("/multimodalembeddings", "voyage"),
    ("/contextualizedembeddings", "voyage"),
];
/// Servers by paths without a prefix: Text Embeddings Inference, llama.cpp.
const ROOTS: [(&str, &str); 2] = [("/embed", "hugging_face"), ("/embedding", "llama_cpp")];

/// Returns the provider that has such paths, which gateways keep: a deployment on Azure, a publisher on Vertex AI, a model
/// on Bedrock, an endpoint of Databricks, a service of DashScope.
fn of_path(path: &str, query: &str) -> Option<&'static str> {
    if path.contains("/openai/deployments/") {
        return Some(AZURE_OPENAI);
    }
    if query.split('&').any(|pair| pair.starts_with("api-version=")) {
        let of_models = path.contains("/models/");
        return Some(if of_models { AZURE_INFERENCE } else { AZURE_OPENAI });
    }
    if openai::is_watsonx(path) {
        return Some("ibm.watsonx.ai");
    }
    if path.contains("/serving-endpoints/") {
        return Some("databricks");
    }
    let of_end = ENDS.iter().find(|(end, _)| path.ends_with(end));
    if let Some((_, provider)) = of_end.or_else(|| ROOTS.iter().find(|(root, _)| *root == path)) {
        return Some(provider);
    }
    if path.contains("/api/v1/services/") {
        return Some("alibaba");
    }
    if vertex::is_vertex(path) {
        return Some(VERTEX);
    }
    let operation = path.rsplit('/').next()?;
    let of_bedrock = matches!(
        operation,
        "converse" | "converse-stream" | "invoke" | "invoke-with-response-stream"
    );
    (of_bedrock && path.contains("/model/")).then_some(BEDROCK)
}

impl<'a> LlmHttpRequest<'a> {
    /// Returns the name of the provider that the request is sent to.
    ///
    /// It is the one that was [set](Self::provider), or the one that is known by the host of the request's URI or by its
    /// path, or else the given one. The header `Host` does not count: at a gateway, it is the gateway's own.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::{HeaderMap, Method, Uri};
    /// use tower_llm_callbacks::wire::LlmHttpRequest;
    ///
    /// let (headers, body) = (HeaderMap::new(), Bytes::new());
    /// let uri = Uri::from_static("https://openrouter.ai/api/v1/messages");
    /// let request = LlmHttpRequest::new(&Method::POST, &uri, &headers, &body);
    /// assert_eq!(request.provider_or("anthropic"), "openrouter");
    /// ```
    pub fn provider_or(&self, default: &'a str) -> &'a str {
        if let Some(set) = self.provider {
            return set;
        }
        let path = self.path();
        match self.uri.host().and_then(of_host) {
            // One host of Azure's has both of its services.
            Some(AZURE_INFERENCE) if path.split('/').any(|part| part == "openai") => AZURE_OPENAI,
            Some(provider) => provider,
            None => of_path(&path, self.uri.query().unwrap_or_default()).unwrap_or(default),
        }
    }
}
