//! Bodies in the form in which servers compress event streams: flushed after each piece.

use std::io::{Read, Write};

pub(crate) const CODINGS: [&str; 5] = ["identity", "gzip", "deflate", "br", "zstd"];

const PIECE: usize = 300;

pub(crate) fn compress(coding: &str, body: &[u8]) -> Vec<u8> {
    fn flushed(mut writer: impl Write, body: &[u8]) {
        for piece in body.chunks(PIECE) {
            writer.write_all(piece).unwrap();
            writer.flush().unwrap();
        }
    }
    let mut out = Vec::new();
    let level = flate2::Compression::default();
    match coding {
        "identity" => out.extend_from_slice(body),
        "gzip" => flushed(flate2::write::GzEncoder::new(&mut out, level), body),
        "deflate" => flushed(flate2::write::ZlibEncoder::new(&mut out, level), body),
        "br" => flushed(brotli::CompressorWriter::new(&mut out, 4096, 5, 20), body),
        "zstd" => {
            flushed(zstd::stream::write::Encoder::new(&mut out, 3).unwrap().auto_finish(), body);
        }
        other => panic!("{other}"),
    }
    out
}

pub(crate) fn gunzip(body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(body).read_to_end(&mut plain).unwrap();
    plain
}
