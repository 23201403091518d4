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
            () if self.has(&["claude"]) && self.is_new_claude() => &family::CLAUDE_NEW,
            () if self.has(&["claude"]) => &family::CLAUDE,
            () if self.has(&["gemma"]) => &family::GEMMA,
            () if self.has(&["gemini"]) => &family::GEMINI,
            // A distilled model has the tokenizer of its base.
            () if self.has(&["qwen", "qwq", "qvq"]) => &family::QWEN,
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
        self.hides_reasoning() || (self.has(&["claude"]) && self.is_new_claude())
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

    /// From version 5, and from 4.7.
    fn is_new_claude(&self) -> bool {
        let mut numbers = self.words().skip_while(|word| *word != "claude").skip(1);
        let Some(major) = numbers.by_ref().find_map(number) else { return false };
        let minor = numbers.next().and_then(number).unwrap_or(0);
        (major, minor) >= (4, 7)
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
