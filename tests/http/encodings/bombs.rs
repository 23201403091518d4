//! Small compressed bodies with huge content: memory and work stay bounded.

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use allocation_counter::measure;
use http::StatusCode;
use http_body_util::BodyExt;
use support::http::{Scripted, event_stream, json};
use support::{Flavor, Mode, Recorders};
use tower_llm_callbacks::{
    Delta, HttpCallbackLayer, LlmStart, ProviderError,
    wire::{Decoder, Format, LlmHttpRequest, LlmHttpResponse},
};

use super::{
    codec::{CODINGS, Coding, compress, zeros},
    encoded,
};

const MIB: u64 = 1024 * 1024;

/// Reads an answer on one thread. Returns the maximum number of bytes held for it.
fn peak(answer: &http::Response<Scripted>) -> (u64, tower_llm_callbacks::LlmResult) {
    let runtime = Flavor::Current.runtime();
    let recorders = Recorders::new(&[Mode::Inline]);
    let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
    let used = measure(|| {
        runtime.block_on(async {
            let body = support::http::answered(&layer, || answer.clone()).await.into_body();
            let mut body = body;
            while let Some(frame) = body.frame().await {
                frame.unwrap();
            }
        });
    });
    let terminals = recorders.each[0].1.terminals();
    assert_eq!(terminals.len(), 1);
    (used.bytes_max, terminals[0].result().unwrap().clone())
}

#[test]
fn endless_zeros() {
    for (coding, mebibytes) in CODINGS.iter().zip([1024, 72, 72, 72, 1024]) {
        let bomb = zeros(*coding, mebibytes);
        assert!((bomb.len() as u64) < 16 * MIB, "{coding:?}: {}", bomb.len());
        let body = Scripted::chunks(bomb.chunks(64 * 1024).map(<[u8]>::to_vec).collect::<Vec<_>>());
        let (used, result) = peak(&encoded(event_stream(body), coding.name()));
        assert!(used < 40 * MIB, "{coding:?}: {used}");
        assert!(result.decode_faults >= 1 && result.decode_skipped, "{coding:?}");
    }
}

/// Unstreamed and error answers are buffered until their end.
#[test]
fn bombs_in_buffered_bodies() {
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    bomb.write_all(b"{\"error\": {\"message\": \"").unwrap();
    let spaces = vec![b' '; 1 << 20];
    for _ in 0..80 {
        bomb.write_all(&spaces).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    for (status, most) in [(200, 200 * MIB), (500, 8 * MIB)] {
        let body = Scripted::chunks([bomb.clone()]);
        let (used, _) = peak(&encoded(json(status, body), "gzip"));
        assert!(used < most, "{status}: {used}");
    }
}

/// Counts the bytes it receives.
#[derive(Debug, Clone, Default)]
struct Counting(Arc<AtomicU64>);

impl Decoder for Counting {
    fn push(&mut self, bytes: &[u8], _: &mut dyn FnMut(Delta<'_>)) {
        self.0.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    }

    fn finish(&mut self, _: &mut dyn FnMut(Delta<'_>)) {}
}

impl Format for Counting {
    fn start(&self, _: &LlmHttpRequest<'_>) -> LlmStart {
        LlmStart::new("acme", "count")
    }

    fn decoder(&self, _: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        Box::new(self.clone())
    }

    fn error(&self, _: StatusCode, _: &[u8]) -> ProviderError {
        ProviderError::new("none")
    }

    fn error_body(&self, _: StatusCode, _: &str) -> Vec<u8> {
        Vec::new()
    }
}

/// A nested bomb: the limit is relative to the bytes on the wire, or each layer would multiply the other.
#[test]
fn stacked_bombs() {
    let inner = zeros(Coding::Gzip, 1536);
    let twice = compress(Coding::Gzip, &inner);
    assert!(twice.len() < 256 * 1024 && inner.len() > 1 << 20, "{}", twice.len());
    let count = Counting::default();
    let layer = HttpCallbackLayer::new(Recorders::new(&[Mode::Inline]).callbacks);
    let layer = layer.route("/v1/messages", count.clone());
    Flavor::Current.runtime().block_on(async {
        let body = Scripted::chunks([twice]);
        let answer = encoded(event_stream(body), "gzip, gzip");
        let body = support::http::answered(&layer, || answer.clone()).await.into_body();
        body.collect().await.unwrap();
    });
    let read = count.0.load(Ordering::Relaxed);
    assert_eq!(read, 64 * MIB);
}

/// RFC 9659: decoders need not support windows of more than 8 MiB.
#[test]
fn a_zstd_frame_with_a_window_over_8_mib_is_refused() {
    for (window, is_read) in [(23, true), (24, false), (27, false)] {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(window).unwrap();
        encoder.write_all(support::http::HELLO.concat().as_bytes()).unwrap();
        let bytes = encoder.finish().unwrap();
        let (used, result) = peak(&encoded(event_stream(Scripted::chunks([bytes])), "zstd"));
        assert!(used < 20 * MIB, "{used}");
        let seen = (result.text(), result.decode_faults, result.decode_skipped);
        assert_eq!(seen, if is_read { ("Hello", 0, false) } else { ("", 1, true) }, "{window}");
    }
}

/// RFC 7932 does not have these windows of up to 1 GiB.
#[test]
fn a_brotli_stream_with_a_large_window_is_refused() {
    let params = brotli::enc::BrotliEncoderParams {
        large_window: true,
        lgwin: 30,
        quality: 3,
        ..Default::default()
    };
    let mut bytes = Vec::new();
    {
        let mut writer = brotli::CompressorWriter::with_params(&mut bytes, 4096, &params);
        let zeros = vec![0; 1 << 20];
        for _ in 0..30 {
            writer.write_all(&zeros).unwrap();
        }
    }
    let (used, result) = peak(&encoded(event_stream(Scripted::chunks([bytes])), "br"));
    assert!(used < MIB, "{used}");
    assert_eq!((result.decode_faults, result.decode_skipped), (1, true));
}
