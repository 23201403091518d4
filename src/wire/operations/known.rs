use std::sync::Arc;

use super::{
    CohereEmbed, Embeddings, GoogleEmbeddings, Imagen, Images, Moderations, OllamaEmbed, Rerank,
    Speech, Transcriptions,
};
use crate::wire::Format;

/// Returns all formats of this module. One whose paths are special precedes those that match their ends, too.
pub(crate) fn all() -> [Arc<dyn Format>; 10] {
    [
        Arc::new(OllamaEmbed),
        Arc::new(CohereEmbed),
        Arc::new(Embeddings),
        Arc::new(GoogleEmbeddings),
        Arc::new(Rerank),
        Arc::new(Images),
        Arc::new(Imagen),
        Arc::new(Speech),
        Arc::new(Transcriptions),
        Arc::new(Moderations),
    ]
}
