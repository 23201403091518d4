use std::{future::poll_fn, pin::pin};

use bytes::Buf;
use http_body::Body;

const LIMIT: usize = 1 << 20;

/// Reads the body of an error response, up to a limit or an error: a broken body must not hide the error that it
/// describes.
pub(super) async fn read_bounded<B: Body>(body: B) -> Vec<u8> {
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    while let Some(Ok(frame)) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let Ok(mut data) = frame.into_data() else { continue };
        while data.has_remaining() {
            let chunk = data.chunk();
            let taken = chunk.len().min(LIMIT - bytes.len());
            bytes.extend_from_slice(&chunk[..taken]);
            if bytes.len() == LIMIT {
                return bytes;
            }
            let read = chunk.len();
            data.advance(read);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::Full;

    use super::*;

    #[tokio::test]
    async fn a_long_body_is_read_up_to_the_limit() {
        let long = Full::new(Bytes::from(vec![b'x'; LIMIT + 1]));
        assert_eq!(read_bounded(long).await.len(), LIMIT);
        assert_eq!(read_bounded(Full::new(Bytes::from_static(b"short"))).await, b"short");
    }
}
