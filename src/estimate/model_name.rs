use super::family::{self, Family};

/// The name of a model, read for what its family is and how it reasons.
///
/// Names come with the prefixes of hosts (`openai/gpt-4o`, `us.anthropic.claude-3-haiku-…-v1:0`, `models/gemini-2.5-pro`)
/// and with dates, so that words are looked for anywhere, and versions are numbers of at most two digits.
#[derive(Debug, Clone)]
pub(super) struct ModelName(String);

/// Longer names are not read to their end.
const LONGEST: usize = 256;

const MISTRAL: [&str; 9] = [
    "mistral",
    "mixtral",
    "magistral",
    "ministral",
    "codestral",
    "devstral",
    "pixtral",
    "voxtral",
    "mathstral",
];

impl ModelName {
    pub(super) fn new(name: &str) -> Self {
        Self(name.chars().take(LONGEST).map(|char| char.to_ascii_lowercase()).collect())
    }

    /// Returns the family of the model. `None` if the name says nothing.
    pub(super) fn family(&self) -> Option<&'static Family> {
        Some(match () {
            () if self.has(&["gpt-oss", "gpt_oss"]) => &family::GPT_OSS,
            () if self.has(&["claude"]) => match self.claude() {
                (4, 7..) | (5.., _) => &family::CLAUDE_NEW,
                (4, 5..) => &family::CLAUDE_4_5,
                (4, _) | (3, 7..) => &family::CLAUDE_4,
                _ => &family::CLAUDE_3,
            },
            () if self.has(&["gemma"]) => &family::GEMMA,
            () if self.has(&["gemini"]) => &family::GEMINI,
            // A distilled model has the tokenizer of its base.
            () if self.has(&["qwen", "qwq", "qvq"]) => &family::QWEN,
            () if self.version_after("llama").is_some_and(|version| version <= (3, 0)) => {
                &family::LLAMA_3
            }
            () if self.has(&["llama"]) => &family::LLAMA,
            () if self.has(&["deepseek"]) => &family::DEEPSEEK,
            () if self.version_after("grok").is_some_and(|version| version >= (4, 3)) => {
                &family::GROK_NEW
            }
            () if self.has(&["grok"]) => &family::GROK,
            () if self.has(&MISTRAL) => &family::MISTRAL,
            () if self.has(&["command", "cohere", "c4ai"]) => &family::COHERE,
            () if self.has(&["glm"]) => &family::GLM,
            () if self.has(&["kimi", "moonshot"]) => &family::KIMI,
            () if self.words().any(|word| word == "nova") => &family::NOVA,
            () if self.is_openai_reasoning() => &family::OPENAI_REASONING,
            () => self.openai()?,
        })
    }

    /// Whether the model reasons unless a request says otherwise, without delivering all of it.
    pub(super) fn hides_reasoning(&self) -> bool {
        let off = self.has(&["non-reasoning", "no-reasoning", "non_reasoning"]);
        if self.has(&["gemini"]) {
            let thinks = match self.version_after("gemini") {
                Some((major, minor)) => (major, minor) >= (2, 5),
                None => self.has(&["latest"]),
            };
            return thinks && !self.has(&["image", "tts", "gemini-2.5-flash-lite"]);
        }
        if self.has(&["grok"]) {
            let reasons = match self.version_after("grok") {
                Some((major, minor)) => (major, minor) >= (4, 0) || self.has(&["grok-3-mini"]),
                None => self.has(&["grok-code"]),
            };
            return reasons && !off;
        }
        self.is_openai_reasoning()
    }

    /// Whether reasoning, if there is any, is not delivered, or only summaries of it.
    pub(super) fn summarises_reasoning(&self) -> bool {
        self.hides_reasoning() || (self.has(&["claude"]) && self.claude() >= (4, 7))
    }

    /// Whether this is Llama 4, whose calls of tools some hosts report several times over.
    pub(super) fn is_llama_4(&self) -> bool {
        self.version_after("llama").is_some_and(|(major, _)| major == 4)
    }

    fn openai(&self) -> Option<&'static Family> {
        if self.has(&[
            "gpt-4o",
            "chatgpt",
            "gpt-audio",
            "gpt-realtime",
            "gpt-image",
            "gpt-5",
            "codex",
        ]) {
            return Some(&family::OPENAI);
        }
        let version = self.version_after("gpt")?;
        Some(if version >= (4, 1) && version.0 < 10 {
            &family::OPENAI
        } else {
            &family::OPENAI_OLD
        })
    }

    fn is_openai_reasoning(&self) -> bool {
        if self.has(&["gpt-oss"]) || self.has(&["-chat-latest"]) {
            return false;
        }
        let o_series = |word: &str| {
            let mut chars = word.chars();
            chars.next() == Some('o')
                && chars.next().is_some_and(|digit| digit.is_ascii_digit())
                && chars.next().is_none()
        };
        let gpt = self.version_after("gpt").is_some_and(|(major, _)| (5..10).contains(&major));
        gpt || self.words().any(o_series) || self.words().any(|word| word == "codex")
    }

    /// Returns the version of a Claude, wherever it is in the name: `claude-3-5-haiku`, `claude-opus-4-7`. One without a version
    /// is taken for a recent one.
    fn claude(&self) -> (u32, u32) {
        let mut numbers = self.words().skip_while(|word| *word != "claude").skip(1);
        let Some(major) = numbers.by_ref().find_map(number) else { return (4, 5) };
        (major, numbers.next().and_then(number).unwrap_or(0))
    }

    /// Returns the version after a word: of `gpt-4.1-mini` after `gpt` 4 and 1.
    fn version_after(&self, name: &str) -> Option<(u32, u32)> {
        let mut words = self.words().skip_while(|word| !word.starts_with(name));
        let attached = words.next()?.strip_prefix(name).and_then(leading);
        let major = match attached {
            Some(major) => major,
            None => words.next().and_then(leading)?,
        };
        Some((major, words.next().and_then(number).unwrap_or(0)))
    }

    fn has(&self, any: &[&str]) -> bool {
        any.iter().any(|part| self.0.contains(part))
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        self.0.split(|char: char| !char.is_ascii_alphanumeric()).filter(|word| !word.is_empty())
    }
}

/// Returns a number of at most two digits: longer ones are dates.
fn number(word: &str) -> Option<u32> {
    word.parse().ok().filter(|_| word.len() <= 2)
}

/// Returns the number that a word begins with.
fn leading(word: &str) -> Option<u32> {
    let digits = word.find(|char: char| !char.is_ascii_digit()).unwrap_or(word.len());
    number(&word[..digits])
}

#[cfg(test)]
mod tests {
    use super::{ModelName, family};

    #[test]
    fn families_are_known_by_names_of_all_hosts() {
        let cases = [
            ("gpt-4o-mini-2024-07-18", &family::OPENAI),
            ("openai/gpt-4.1-nano", &family::OPENAI),
            ("chatgpt-4o-latest", &family::OPENAI),
            ("gpt-5-chat-latest", &family::OPENAI),
            ("gpt-4-0613", &family::OPENAI_OLD),
            ("gpt-4-turbo-2024-04-09", &family::OPENAI_OLD),
            ("gpt-35-turbo", &family::OPENAI_OLD),
            ("gpt-3.5-turbo-0125", &family::OPENAI_OLD),
            ("gpt-5.4-nano-2026-03-17", &family::OPENAI_REASONING),
            ("gpt-6", &family::OPENAI_REASONING),
            ("o4-mini", &family::OPENAI_REASONING),
            ("openai/o3", &family::OPENAI_REASONING),
            ("openai.gpt-oss-20b-1:0", &family::GPT_OSS),
            ("gpt-oss:120b", &family::GPT_OSS),
            ("claude-3-haiku-20240307", &family::CLAUDE_3),
            ("us.anthropic.claude-3-5-sonnet-20241022-v2:0", &family::CLAUDE_3),
            ("claude-3-7-sonnet@20250219", &family::CLAUDE_4),
            ("claude-sonnet-4-20250514", &family::CLAUDE_4),
            ("anthropic/claude-4.5-haiku-20251001", &family::CLAUDE_4_5),
            ("claude-opus-4-6", &family::CLAUDE_4_5),
            ("claude-opus-4-7", &family::CLAUDE_NEW),
            ("claude-sonnet-5", &family::CLAUDE_NEW),
            ("eu.anthropic.claude-opus-5-1-20270101-v1:0", &family::CLAUDE_NEW),
            ("models/gemini-2.5-pro", &family::GEMINI),
            ("gemma3:1b", &family::GEMMA),
            ("deepseek-r1:14b-qwen-distill-q8_0", &family::QWEN),
            ("deepseek-ai/DeepSeek-R1-Distill-Llama-70B", &family::LLAMA),
            ("llama3-8b-8192", &family::LLAMA_3),
            ("meta.llama3-8b-instruct-v1:0", &family::LLAMA_3),
            ("meta-llama/llama-3.2-3b-instruct:free", &family::LLAMA),
            ("us.meta.llama3-3-70b-instruct-v1:0", &family::LLAMA),
            ("llama3.1", &family::LLAMA),
            ("deepseek-chat", &family::DEEPSEEK),
            ("x-ai/grok-4.1-fast", &family::GROK),
            ("grok-4.3", &family::GROK_NEW),
            ("mistral.voxtral-mini-3b-2507", &family::MISTRAL),
            ("us.amazon.nova-2-lite-v1:0", &family::NOVA),
            ("moonshotai/kimi-k2.5", &family::KIMI),
            ("zai-org/glm-4.7-flash", &family::GLM),
            ("command-a-03-2025", &family::COHERE),
        ];
        for (name, family) in cases {
            assert!(
                ModelName::new(name).family().is_some_and(|found| std::ptr::eq(found, family)),
                "{name}"
            );
        }
        for name in ["", "phi3", "o200k", "nova2", "gpt", "granite3-dense:8b", "🦊"] {
            assert_eq!(ModelName::new(name).family(), None, "{name}");
        }
    }
}
