use std::pin::pin;

use futures_core::Stream;
use futures_util::StreamExt;
use tower::BoxError;

use super::LlmChunk;
use crate::{
    event::{Accumulator, Delta, Truncated},
    run::Aborted,
};

/// Reads an answer to its end, or until it fails. Calls `content` for each piece of content.
///
/// It fails as the run of the call does: by an error of the stream, by one that the answer reports, or because it ends without
/// its end mark and before every choice has its finish reason.
pub(crate) async fn read<S, C, E>(
    stream: S,
    answer: &mut Accumulator,
    mut content: impl FnMut(),
) -> Result<(), BoxError>
where
    S: Stream<Item = Result<C, E>>,
    C: LlmChunk,
    E: Into<BoxError>,
{
    let mut stream = pin!(stream);
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
        None if C::HAS_END_MARK && !complete && !answer.is_finished() => Err(Truncated.into()),
        None => {
            answer.complete();
            Ok(())
        }
    }
}
