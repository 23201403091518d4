/// What is known of the models of a family: how many tokens words, calls and messages have.
#[derive(Debug, PartialEq)]
pub(super) struct Family {
    pub(super) output: Output,
    pub(super) input: Input,
    /// How many tokens of answers the factors are worth against what is learned. Low where they are guessed.
    pub(super) confidence: f64,
}

#[derive(Debug, PartialEq)]
pub(super) struct Output {
    /// Tokens a word.
    pub(super) word: f64,
    /// Tokens of each digit beyond one for each three: where each digit is a token.
    pub(super) digit: f64,
    /// Tokens before the first word, and after the last.
    pub(super) begin: f64,
    pub(super) end: f64,
    /// Tokens of the first call, of each further call, and of each parameter, beside their words.
    pub(super) first_call: f64,
    /// Once where there are several calls.
    pub(super) several: f64,
    pub(super) further_call: f64,
    pub(super) parameter: f64,
    /// Instead of those of the first call, where the request demands some tool, and where it names one.
    pub(super) any: f64,
    pub(super) named: f64,
    /// Whether a piece of a stream is usually a token.
    pub(super) pieces: bool,
}

#[derive(Debug, PartialEq)]
pub(super) struct Input {
    /// Tokens a word of text.
    pub(super) word: f64,
    /// Tokens of any request, and of each message.
    pub(super) request: f64,
    pub(super) message: f64,
    /// Tokens of any tools, and of each.
    pub(super) tools: f64,
    pub(super) tool: f64,
    /// Tokens a word of tools, and of the answer's schema.
    pub(super) tool_word: f64,
    pub(super) schema_word: f64,
    /// Tokens of the prompt that turns thinking on.
    pub(super) thinking: f64,
    /// Whether the provider adds a prompt of its own, of a length that varies.
    pub(super) hidden_prompt: bool,
}

macro_rules! families {
    ($($(#[$doc:meta])* $name:ident:
        $word:literal $digit:literal, $begin:literal $end:literal, $first:literal $several:literal $further:literal $parameter:literal, $any:literal $named:literal, $pieces:literal,
        $confidence:literal;
        $in_word:literal, $request:literal $message:literal, $tools:literal $tool:literal $tool_word:literal,
        $schema:literal, $thinking:literal, $hidden:literal
    )*) => {$(
        $(#[$doc])*
        pub(super) static $name: Family = Family {
            output: Output {
                word: $word, digit: $digit, begin: $begin, end: $end, first_call: $first, several: $several, further_call: $further,
                parameter: $parameter, any: $any, named: $named, pieces: $pieces,
            },
            input: Input {
                word: $in_word, request: $request, message: $message, tools: $tools, tool: $tool, tool_word: $tool_word,
                schema_word: $schema, thinking: $thinking, hidden_prompt: $hidden,
            },
            confidence: $confidence,
        };
    )*};
}

// word, digit, begin end, first call, several, further call, parameter, any named, pieces, confidence;
// word of input, request message, tools tool word-of-tools, word-of-schema, thinking, hidden prompt
families! {
    /// GPT-4o to GPT-4.5: o200k.
    OPENAI: 1.02 0.0, 0.0 0.0, 7.5 17.0 5.0 0.0, 7.5 -1.0, true, 200.0; 1.0, 3.0 4.1, 14.0 4.0 0.6, 0.9, 0.0, false
    /// GPT-3.5 and GPT-4: cl100k.
    OPENAI_OLD: 1.01 0.0, 0.0 0.0, 7.5 17.0 5.0 0.0, 7.5 -1.0, true, 200.0; 1.0, 3.0 4.0, 14.0 8.0 0.66, 0.9, 0.0, false
    /// GPT-5 and the o series.
    OPENAI_REASONING: 1.05 0.0, 0.0 4.0, 8.0 17.0 5.0 0.0, 8.0 0.0, true, 200.0; 1.0, 2.2 4.1, 15.0 5.0 0.6, 0.9, 0.0, false
    /// GPT-OSS, whose channels have marks.
    GPT_OSS: 0.99 0.0, 10.0 0.0, 3.0 0.0 15.0 4.0, 3.0 3.0, true, 200.0; 1.0, 61.5 5.4, 25.0 7.0 0.7, 0.9, 0.0, false
    /// Claude from 4.5 to 4.6.
    CLAUDE_4_5: 1.12 0.0, 0.0 2.5, 33.5 0.0 16.0 10.0, 19.0 0.0, false, 200.0; 1.12, 6.0 0.8, 510.0 5.0 1.3, 1.0, 29.0, false
    /// Claude 3.7 and 4, whose prompt about tools is shorter.
    CLAUDE_4: 1.12 0.0, 0.0 2.5, 33.5 0.0 16.0 10.0, 19.0 0.0, false, 200.0; 1.12, 6.0 0.8, 345.0 5.0 1.3, 1.0, 29.0, false
    /// Claude up to 3.5.
    CLAUDE_3: 1.12 0.0, 0.0 2.5, 33.5 0.0 16.0 10.0, 19.0 0.0, false, 200.0; 1.12, 6.0 0.8, 285.0 5.0 1.3, 1.0, 0.0, false
    /// Claude from 4.7 on, whose tokenizer has about 1.3 times the tokens.
    CLAUDE_NEW: 1.45 0.0, 0.0 2.5, 43.0 0.0 21.0 13.5, 24.0 7.0, false, 100.0; 1.45, 6.0 0.8, 560.0 6.0 1.5, 1.3, 0.0, false
    GEMINI: 1.06 0.7, 0.0 0.5, 6.5 0.0 6.0 0.0, 3.5 3.5, false, 200.0; 1.06, 0.8 0.1, 10.0 0.0 1.0, 0.0, 0.0, false
    /// Gemini at Vertex AI, which counts a part of the tools.
    GEMINI_VERTEX: 1.06 0.7, 0.0 0.5, 6.5 0.0 6.0 0.0, 3.5 3.5, false, 200.0; 1.06, 0.8 0.1, 1.5 0.0 0.35, 0.0, 0.0, false
    GEMMA: 1.07 0.7, 0.0 1.0, 6.5 0.0 4.0 0.0, 6.5 6.5, true, 200.0; 1.02, 5.0 4.5, 10.0 4.0 1.0, 0.0, 0.0, false
    MISTRAL: 1.07 0.6, 0.0 1.0, 3.0 0.0 2.0 0.0, 3.0 3.0, true, 200.0; 1.08, 3.0 2.8, 10.0 14.0 1.45, 0.0, 0.0, false
    /// Llama from 3.1 on, whose template has a system prompt of its own.
    LLAMA: 1.03 0.0, 0.0 1.0, 12.0 0.0 12.0 0.0, 12.0 12.0, true, 100.0; 1.03, 30.0 5.0, 100.0 4.0 1.0, 0.0, 0.0, false
    /// Llama up to 3.
    LLAMA_3: 1.03 0.0, 0.0 1.0, 12.0 0.0 12.0 0.0, 12.0 12.0, true, 100.0; 1.03, 5.0 5.0, 100.0 4.0 1.0, 0.0, 0.0, false
    DEEPSEEK: 1.03 0.0, 0.0 1.0, 22.5 0.0 12.0 11.0, 22.5 22.5, true, 200.0; 1.02, 2.0 2.0, 240.0 14.0 0.8, 0.0, 0.0, false
    QWEN: 1.04 0.0, 0.0 1.0, 8.0 0.0 9.0 5.0, 8.0 8.0, true, 200.0; 1.03, 4.8 4.6, 85.0 20.0 1.3, 0.0, 0.0, false
    COHERE: 1.06 0.0, 0.0 1.0, 30.0 0.0 15.0 0.0, 14.0 14.0, false, 100.0; 1.05, 490.0 4.0, 920.0 6.0 1.15, 0.0, 0.0, true
    /// Grok up to 4.2.
    GROK: 1.0 0.0, 0.0 1.0, 10.0 0.0 10.0 6.0, 10.0 10.0, true, 200.0; 1.0, 187.0 4.0, 10.0 20.0 1.5, 0.0, 0.0, true
    /// Grok from 4.3 on, whose calls are short.
    GROK_NEW: 1.0 0.0, 0.0 1.0, 0.5 0.0 1.0 1.0, 0.5 0.5, true, 200.0; 1.0, 187.0 4.0, 10.0 20.0 1.5, 0.0, 0.0, true
    GLM: 1.03 0.0, 0.0 1.0, 1.0 0.0 1.0 2.0, 1.0 1.0, true, 200.0; 1.02, 5.0 4.0, 95.0 20.0 1.25, 0.0, 0.0, false
    KIMI: 1.04 0.0, 0.0 1.0, 10.0 0.0 9.0 0.0, 10.0 10.0, true, 200.0; 1.02, 5.0 4.0, 10.0 12.0 1.35, 0.0, 0.0, false
    NOVA: 0.99 0.0, 0.0 1.0, 10.0 0.0 8.0 5.0, 10.0 10.0, false, 100.0; 1.02, 5.0 4.0, 885.0 5.0 1.05, 0.0, 0.0, true
    /// Models of no known family.
    OTHER: 1.04 0.0, 0.0 1.0, 10.0 0.0 10.0 3.0, 10.0 10.0, true, 40.0; 1.02, 5.0 4.0, 50.0 4.0 1.0, 0.5, 0.0, false
}
