use std::pin::pin;

use futures_core::Stream;
use futures_util::StreamExt;

use crate::{
    event::{Accumulator, LlmResult},
    extract::LlmChunk,
};

/// Reads a stream of chunks to its end and adds them up.
///
/// Accepts a [`ChatStream`](super::ChatStream), the stream of a service with callbacks, and any other stream of
/// `Result<C, E>` with an [`LlmChunk`] `C`. The result's times are absent or zero, since they belong to a run.
///
/// # Errors
///
/// Returns the stream's first error. The chunks before it are lost.
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
