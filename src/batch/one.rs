use std::future::poll_fn;

use futures_core::Stream;
use tokio::time::Instant;
use tower::{BoxError, Service};

use super::BatchError;
use crate::{
    event::{Accumulator, LlmResult},
    extract::{LlmChunk, read},
};

/// Calls the model and reads the answer to its end, or until it fails.
pub(super) async fn one<S, Req, C, E>(mut model: S, request: Req) -> Result<LlmResult, BatchError>
where
    S: Service<Req>,
    S::Error: Into<BoxError>,
    S::Response: Stream<Item = Result<C, E>>,
    C: LlmChunk,
    E: Into<BoxError>,
{
    let started = Instant::now();
    let (mut answer, mut first) = (Accumulator::new(), None);
    let outcome = async {
        poll_fn(|cx| model.poll_ready(cx)).await.map_err(Into::into)?;
        let stream = model.call(request).await.map_err(Into::into)?;
        read(stream, &mut answer, || {
            first.get_or_insert_with(|| started.elapsed());
        })
        .await
    }
    .await;
    let mut result = answer.finish();
    result.duration = started.elapsed();
    result.time_to_first_token = first.filter(|_| result.tokens > 0);
    match outcome {
        Ok(()) => Ok(result),
        Err(error) => Err(BatchError::new(error, result)),
    }
}
