use std::fmt;

use serde::Deserialize;

/// The types of runs other than calls of language models, one line each: variant, event mask, name and noun, and the
/// methods of handlers for start, end and error, each with the variant of [`EventData`](crate::EventData) that it gets,
/// and the payload in it.
///
/// A new run type is one more line. The enum, the names of its events, its event masks and the methods of both
/// handler traits come from this table. It is passed to a macro, after the context that the caller adds.
macro_rules! with_run_types {
    ($callback:ident $(, $($context:tt)*)?) => {
        $callback! {
            [$($($context)*)?]
            Chain CHAIN "chain" "chain":
                on_chain_start(RunStart RunInput) on_chain_end(RunEnd RunOutput) on_chain_error(RunError);
            Tool TOOL "tool" "tool":
                on_tool_start(RunStart RunInput) on_tool_end(RunEnd RunOutput) on_tool_error(RunError);
            Retriever RETRIEVER "retriever" "retriever":
                on_retriever_start(RunStart RunInput) on_retriever_end(RunEnd RunOutput)
                on_retriever_error(RunError);
            Embedding EMBEDDING "embedding" "call of an embedding model":
                on_embedding_start(ModelStart LlmStart) on_embedding_end(ModelEnd LlmResult)
                on_embedding_error(ModelError);
            Rerank RERANK "rerank" "call of a model that ranks documents":
                on_rerank_start(ModelStart LlmStart) on_rerank_end(ModelEnd LlmResult)
                on_rerank_error(ModelError);
            Image IMAGE "image" "call of a model that makes images":
                on_image_start(ModelStart LlmStart) on_image_end(ModelEnd LlmResult)
                on_image_error(ModelError);
            Audio AUDIO "audio" "call of a model of speech":
                on_audio_start(ModelStart LlmStart) on_audio_end(ModelEnd LlmResult)
                on_audio_error(ModelError);
            Moderation MODERATION "moderation" "call of a model that moderates":
                on_moderation_start(ModelStart LlmStart) on_moderation_end(ModelEnd LlmResult)
                on_moderation_error(ModelError);
        }
    };
}

pub(crate) use with_run_types;

macro_rules! calls_model {
    (ModelStart) => {
        true
    };
    (RunStart) => {
        false
    };
}

macro_rules! define {
    ([] $($variant:ident $mask:ident $name:literal $noun:literal: $start:ident($starts:ident $input:ident)
        $end:ident($ends:ident $output:ident) $error:ident($fails:ident);)*) => {
        /// The kind of work that a run executes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum RunType {
            /// A call of a language model.
            Llm,
            $(
                #[doc = concat!("A ", $noun, ".")]
                $variant,
            )*
        }

        impl RunType {
            /// All run types.
            pub const ALL: &[RunType] = &[RunType::Llm, $(RunType::$variant),*];

            /// Returns the name of the type in an event record.
            pub fn as_str(self) -> &'static str {
                match self {
                    RunType::Llm => "llm",
                    $(RunType::$variant => $name,)*
                }
            }

            /// Returns true if the runs are calls of models, of language models or others: their events have the payloads
            /// [`LlmStart`](crate::LlmStart) and [`LlmResult`](crate::LlmResult).
            ///
            /// ```
            /// use tower_llm_callbacks::RunType;
            ///
            /// assert!(RunType::Llm.is_model_call() && RunType::Embedding.is_model_call());
            /// assert!(!RunType::Tool.is_model_call());
            /// ```
            pub const fn is_model_call(self) -> bool {
                match self {
                    RunType::Llm => true,
                    $(RunType::$variant => calls_model!($starts),)*
                }
            }

            /// Returns the names of the start, end and error events.
            pub(crate) fn event_names(self) -> [&'static str; 3] {
                match self {
                    RunType::Llm => ["llm_start", "llm_end", "llm_error"],
                    $(RunType::$variant => {
                        [concat!($name, "_start"), concat!($name, "_end"), concat!($name, "_error")]
                    })*
                }
            }
        }
    };
}

with_run_types!(define);

impl fmt::Display for RunType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
