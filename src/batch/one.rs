use std::{future::poll_fn, pin::pin};

use futures_core::Stream;
use futures_util::StreamExt;
use tokio::time::Instant;
use tower::{BoxError, Service};

use super::BatchError;
use crate::{
    event::{Accumulator, Delta, LlmResult, Truncated},
    extract::LlmChunk,
    run::Aborted,
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
    let outcome = read(&mut model, request, &mut answer, || {
        first.get_or_insert_with(|| started.elapsed());
    })
    .await;
    if outcome.is_ok() {
        answer.complete();
    }
    let mut result = answer.finish();
    result.duration = started.elapsed();
    result.time_to_first_token = first.filter(|_| result.tokens > 0);
    match outcome {
        Ok(()) => Ok(result),
        Err(error) => Err(BatchError::new(error, result)),
    }
}

async fn read<S, Req, C, E>(
    model: &mut S,
    request: Req,
    answer: &mut Accumulator,
    mut content: impl FnMut(),
) -> Result<(), BoxError>
where
    S: Service<Req>,
    S::Error: Into<BoxError>,
    S::Response: Stream<Item = Result<C, E>>,
    C: LlmChunk,
    E: Into<BoxError>,
{
    poll_fn(|cx| model.poll_ready(cx)).await.map_err(Into::into)?;
    let mut stream = pin!(model.call(request).await.map_err(Into::into)?);
    let (mut reported, mut complete) = (None, false);
    while let Some(chunk) = stream.next().await {
        let chunk = match chunk.map_err(Into::into) {
            Ok(chunk) => chunk,
            // Errors after the end are ignored, except that the run was aborted.
            Err(error) if (complete || reported.is_some()) && !error.is::<Aborted>() => break,
            Err(error) => return Err(error),
        };
        chunk.deltas(&mut |delta| {
            if complete || reported.is_some() {
                return;
            }
            match &delta {
                Delta::Error(error) => reported = Some(error.clone()),
                Delta::Done => complete = true,
                _ => {}
            }
            let before = answer.tokens();
            answer.delta(&delta);
            if answer.tokens() > before {
                content();
            }
        });
    }
    match reported {
        Some(error) => Err(error.into()),
        None if C::HAS_END_MARK && !complete => Err(Truncated.into()),
        None => Ok(()),
    }
}
