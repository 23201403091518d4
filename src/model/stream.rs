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
    /// A response body read as chunks, frame by frame.
    pub(super) struct BodyStream<B> {
        // None once nothing more is to be read, so that the connection is let go of at once.
        #[pin]
        body: Option<B>,
        answer: Answer,
    }
}

/// What was read of the answer and is still to be handed out.
struct Answer {
    decoder: Box<dyn Decoder>,
    chunks: VecDeque<ChatChunk>,
    /// Comes after the chunks.
    error: Option<ModelError>,
    /// The response's own id of the request, for errors in it that name none.
    request_id: Option<Arc<str>>,
    /// Whether nothing more is to be read: the end mark or an error was seen.
    ended: bool,
}

impl<B> BodyStream<B> {
    pub(super) fn new(body: B, decoder: Box<dyn Decoder>, request_id: Option<Arc<str>>) -> Self {
        let answer =
            Answer { decoder, chunks: VecDeque::new(), error: None, request_id, ended: false };
        Self { body: Some(body), answer }
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
            if let Some(chunk) = this.answer.chunks.pop_front() {
                return Poll::Ready(Some(Ok(chunk)));
            }
            if let Some(error) = this.answer.error.take() {
                return Poll::Ready(Some(Err(error)));
            }
            let Some(body) = this.body.as_mut().as_pin_mut() else { return Poll::Ready(None) };
            match ready!(body.poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        this.answer.read(data);
                    }
                }
                Some(Err(error)) => this.answer.fail(ModelError::Transport(error.into())),
                None => this.answer.finish(),
            }
            if this.answer.ended {
                this.body.set(None);
            }
        }
    }
}

impl Answer {
    fn read(&mut self, mut data: impl Buf) {
        while data.has_remaining() && !self.ended {
            let bytes = data.chunk();
            let read = bytes.len();
            self.decode(|decoder, each| decoder.push(bytes, each));
            data.advance(read);
        }
    }

    /// The body has ended; an end mark may have been in what it ended with.
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

    /// After the delta that ends the answer a decoder tells nothing more.
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
