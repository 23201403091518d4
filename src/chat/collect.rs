use std::pin::pin;

use futures_core::Stream;
use futures_util::StreamExt;

use crate::{
    event::{Accumulator, LlmResult},
    extract::LlmChunk,
};

/// Reads a stream of chunks to its end and adds them up.
///
/// It takes a [`ChatStream`](super::ChatStream), the stream of a service with callbacks, and any
/// other stream whose items are `Result<C, E>` with an [`LlmChunk`] `C`. The result's times are none
/// and zero: they belong to a run.
///
/// # Errors
///
/// The stream's first error; what came before it is lost.
///
/// ```
/// use std::convert::Infallible;
/// use tower_llm_callbacks::{Delta, chat};
///
/// # tokio_test::block_on(async {
/// let chunks = [Delta::text("Hel"), Delta::text("lo"), Delta::finish("end_turn"), Delta::Done];
/// let stream = futures::stream::iter(chunks.map(Ok::<_, Infallible>));
///
/// let result = chat::collect(stream).await?;
/// assert_eq!(result.text(), "Hello");
/// # Ok::<_, Infallible>(())
/// # }).unwrap();
/// ```
pub async fn collect<S, C, E>(stream: S) -> Result<LlmResult, E>
where
    S: Stream<Item = Result<C, E>>,
    C: LlmChunk,
{
    let mut stream = pin!(stream);
    let mut answer = Accumulator::new();
    while let Some(chunk) = stream.next().await {
        chunk?.deltas(&mut |delta| answer.delta(&delta));
    }
    Ok(answer.finish())
}
