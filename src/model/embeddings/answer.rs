use std::fmt;

use crate::{
    event::{Delta, Usage},
    extract::LlmChunk,
};

/// The vectors that a model of embeddings returned.
#[derive(Clone)]
#[non_exhaustive]
pub struct Embeddings {
    /// A vector for each text of the request, in their order.
    pub vectors: Vec<Vec<f32>>,
    /// The model, if the answer names it.
    pub model: Option<String>,
    /// The tokens, if the provider counts them.
    pub usage: Option<Usage>,
    /// What events are made of.
    pub(super) facts: Vec<Delta<'static>>,
}

impl Embeddings {
    pub(super) fn new(vectors: Vec<Vec<f32>>, facts: Vec<Delta<'static>>) -> Self {
        let (mut named, mut counted) = (None, None);
        for fact in &facts {
            match fact {
                Delta::Response { model: Some(model), .. } => named = Some(model.to_string()),
                Delta::Usage { usage, .. } => counted = Some(usage.clone()),
                _ => {}
            }
        }
        Self { vectors, model: named, usage: counted, facts }
    }
}

impl LlmChunk for Embeddings {
    fn deltas(&self, each: &mut dyn FnMut(Delta<'_>)) {
        self.facts.iter().for_each(|fact| each(fact.borrowed()));
    }
}

/// Shows the number of vectors, not their numbers.
impl fmt::Debug for Embeddings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embeddings")
            .field("vectors", &self.vectors.len())
            .field("model", &self.model)
            .field("usage", &self.usage)
            .finish_non_exhaustive()
    }
}
