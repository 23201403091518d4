use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Buf;
use futures_core::Stream;
use http_body::Body;
use pin_project_lite::pin_project;
use tower::BoxError;

use crate::{
    chat::{ChatChunk, ModelError},
    event::Delta,
    wire::Decoder,
};

pin_project! {
    /// The chunks of a response body.
    pub(super) struct BodyStream<B> {
        // `None` after the end of the answer, so that the connection is released at once.
        #[pin]
        body: Option<B>,
        pending: Pending,
    }
}

/// The decoded part of the answer that was not yielded yet.
struct Pending {
    decoder: Box<dyn Decoder>,
    chunks: VecDeque<ChatChunk>,
    /// Yielded after the chunks.
    error: Option<ModelError>,
    /// The request id in the response's headers, for errors in the body that lack one.
    request_id: Option<Arc<str>>,
    /// The end mark or an error was read.
    ended: bool,
}

impl<B> BodyStream<B> {
    pub(super) fn new(body: B, decoder: Box<dyn Decoder>, request_id: Option<Arc<str>>) -> Self {
        let pending =
            Pending { decoder, chunks: VecDeque::new(), error: None, request_id, ended: false };
        Self { body: Some(body), pending }
    }
}

impl<B> Stream for BodyStream<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Item = Result<ChatChunk, ModelError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        loop {
            if let Some(chunk) = this.pending.chunks.pop_front() {
                return Poll::Ready(Some(Ok(chunk)));
            }
            if let Some(error) = this.pending.error.take() {
                return Poll::Ready(Some(Err(error)));
            }
            let Some(body) = this.body.as_mut().as_pin_mut() else { return Poll::Ready(None) };
            match ready!(body.poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        this.pending.read(data);
                    }
                }
                Some(Err(error)) => this.pending.fail(ModelError::Transport(error.into())),
                None => this.pending.finish(),
            }
            if this.pending.ended {
                this.body.set(None);
            }
        }
    }
}

impl Pending {
    fn read(&mut self, mut data: impl Buf) {
        while data.has_remaining() && !self.ended {
            let bytes = data.chunk();
            let read = bytes.len();
            self.decode(|decoder, each| decoder.push(bytes, each));
            data.advance(read);
        }
    }

    /// Ends the body, whose end may complete an end mark.
    fn finish(&mut self) {
        self.decode(|decoder, each| decoder.finish(each));
        if !self.ended {
            self.fail(ModelError::Truncated);
        }
    }

    fn fail(&mut self, error: ModelError) {
        self.error = Some(error);
        self.ended = true;
    }

    /// Runs the decoder and collects its output. A decoder emits nothing after `Done` or `Error`.
    fn decode(&mut self, run: impl FnOnce(&mut dyn Decoder, &mut dyn FnMut(Delta<'_>))) {
        let Self { decoder, chunks, error, request_id, ended } = self;
        run(&mut **decoder, &mut |delta| {
            *ended |= matches!(delta, Delta::Done | Delta::Error(_));
            match delta {
                Delta::Error(mut reported) => {
                    reported.request_id = reported.request_id.or_else(|| request_id.take());
                    *error = Some(ModelError::Provider(reported));
                }
                delta => chunks.push_back(delta.into_owned()),
            }
        });
    }
}
