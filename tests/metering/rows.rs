//! Recorded answers with reported usage, as requests and answers of the crate.

use std::{env, fs::File, io::BufReader, path::Path};

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use tower_llm_callbacks::{
    Delta, LlmResult, LlmStart, Prompt,
    estimate::{Answer, AnswerCount, Estimate, UsageEstimator},
    event::Accumulator,
};

const FILE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/fixtures/metering/fit.jsonl.gz");

pub struct Row {
    pub repo: String,
    pub host: String,
    pub family: String,
    pub model: String,
    pub streamed: bool,
    pub complete: bool,
    /// Content deltas: kind and text.
    pub deltas: Vec<(String, String)>,
    pub calls: usize,
    pub input: u64,
    pub output: u64,
    pub reasoning: u64,
    pub flags: Vec<String>,
    pub request: Value,
}

/// Families that deliver their reasoning as it is.
const RAW: [&str; 11] = [
    "claude", "deepseek", "gemma", "glm", "gpt-oss", "kimi", "llama", "mistral", "other", "qwen",
    "sonar",
];

/// Returns the rows, or none if the file is missing. A missing file fails only where CI runs.
pub fn all() -> Vec<Row> {
    let Ok(file) = File::open(Path::new(FILE)) else {
        assert!(
            env::var_os("CI").is_none_or(|ci| ci != "true"),
            "the fixtures are missing: {FILE}"
        );
        println!("skipped: the fixtures are missing: {FILE}");
        return Vec::new();
    };
    let lines = std::io::read_to_string(GzDecoder::new(BufReader::new(file))).unwrap();
    lines.lines().map(|line| Row::read(&serde_json::from_str(line).unwrap())).collect()
}

impl Row {
    fn read(row: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let count = |name: &str| row["usage"][name].as_u64().unwrap_or(0);
        let deltas = row["deltas"].as_array().unwrap();
        let mut family = text(&row["family"]);
        let model = text(&row["model"]);
        if family == "claude"
            && ["-5", "fable-5", "4-7", "4-8"].iter().any(|end| model.ends_with(end))
            && !model.ends_with("4-5")
        {
            family = "claude-4.7+".to_owned();
        }
        let flags = row["flags"].as_array().unwrap().iter().map(text).collect();
        Self {
            repo: text(&row["repo"]),
            host: text(&row["host"]),
            family,
            model,
            streamed: row["streamed"].as_bool().unwrap(),
            complete: !row["finish"].is_null(),
            deltas: deltas.iter().map(|delta| (text(&delta[0]), text(&delta[1]))).collect(),
            calls: row["tools"].as_array().unwrap().len(),
            input: count("input"),
            output: count("output"),
            reasoning: count("reasoning"),
            flags,
            request: row["input"].clone(),
        }
    }

    /// Whether nothing makes the reported output something else than what was delivered.
    pub fn is_fit(&self) -> bool {
        let unfit = ["multi", "server_tool", "modality", "audio"];
        self.complete && !self.flags.iter().any(|flag| unfit.contains(&flag.as_str()))
    }

    pub fn delivers_reasoning(&self) -> bool {
        RAW.contains(&self.family.as_str())
            && !self.flags.iter().any(|flag| flag == "summary")
            && self.deltas.iter().any(|(kind, _)| kind == "reasoning")
    }

    /// The reported output, without reasoning that was not delivered.
    pub fn visible(&self) -> u64 {
        match self.delivers_reasoning() {
            true => self.output,
            false => self.output.saturating_sub(self.reasoning),
        }
    }

    /// Returns the answer up to a number of deltas.
    pub fn answer(&self, deltas: usize) -> (LlmResult, AnswerCount) {
        let (mut result, mut count) = (Accumulator::new(), AnswerCount::default());
        if !self.streamed {
            result.delta(&Delta::NotStreamed);
        }
        result.delta(&Delta::Response { id: None, model: Some(self.model.as_str().into()) });
        let mut index = 0;
        for (kind, text) in &self.deltas[..deltas] {
            match kind.as_str() {
                "text" => {
                    count.text(text);
                    result.delta(&Delta::text(text));
                }
                // What is not delivered whole is not counted against the visible answer.
                "reasoning" => {
                    count.reasoning(text);
                    result.delta(&Delta::reasoning(text));
                }
                "tool" => {
                    index += 1;
                    count.tool_call(text);
                    result.delta(&Delta::tool_call(index, "", text, ""));
                }
                "args" => {
                    count.arguments(text);
                    result.delta(&Delta::tool_arguments(index, text));
                }
                other => panic!("unknown kind of delta: {other}"),
            }
        }
        (result.finish(), count)
    }

    pub fn start(&self) -> Option<LlmStart> {
        let request = self.request.as_object()?;
        let texts = request["text"].as_array()?;
        let n = usize::try_from(request["n"].as_u64()?).unwrap().max(1);
        let mut messages: Vec<Value> = vec![json!({"role": "user", "content": []}); n];
        for (at, text) in texts.iter().enumerate() {
            let content = messages[at.min(n - 1)]["content"].as_array_mut().unwrap();
            content.push(json!({"type": "text", "text": text}));
        }
        let provider =
            if self.host.contains("aiplatform") { "gcp.vertex_ai" } else { &*self.family };
        let mut start = LlmStart::new(provider, "test").model(&*self.model);
        // The rows do not have this parameter.
        if self.family == "claude" && self.deltas.iter().any(|(kind, _)| kind == "reasoning") {
            start = start.param("thinking", json!({"type": "enabled", "budget_tokens": 1_024}));
        }
        start = start.messages(Prompt::json(messages.into()));
        let parse = |value: &Value| {
            value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok())
        };
        if let Some(tools) = parse(&request["tools"]) {
            start = start.param("tools", tools);
        }
        let schema = &request["schema"];
        if !schema.is_null() {
            let schema = parse(schema).unwrap_or_else(|| schema.clone());
            start = start.param("response_format", json!({"json_schema": {"schema": schema}}));
        }
        Some(start)
    }

    pub fn has_schema(&self) -> bool {
        !self.request["schema"].is_null()
    }

    pub fn tools(&self) -> u64 {
        self.request["ntools"].as_u64().unwrap_or(0)
    }

    /// The set of tools of the request.
    pub fn tools_text(&self) -> String {
        self.request["tools"].to_string()
    }

    /// Whether the reported input is that of the texts.
    pub fn has_fit_input(&self) -> bool {
        let flags = self.request["flags"]
            .as_array()
            .map_or(1, |flags| flags.iter().filter(|flag| *flag != "schema").count());
        self.is_fit() && flags == 0 && self.input >= 10
    }

    pub fn estimate(&self, estimator: &impl UsageEstimator, deltas: usize) -> Estimate {
        let (result, count) = self.answer(deltas);
        let answer = Answer::new(&result, &count).completed(deltas == self.deltas.len());
        estimator.output(&answer).unwrap()
    }
}

/// Returns the same numbers on every run.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % below.max(1)
    }
}
