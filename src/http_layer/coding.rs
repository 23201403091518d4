use compression_codecs::{
    DecodeV2,
    core::util::{PartialBuffer, WriteBuffer},
};

use super::inflate::NotInflated;

const BUFFER: usize = 16 * 1024;
/// The first bits of a brotli stream with a large window.
const LARGE_WINDOW: u8 = 0x11;

/// A coding of the header `content-encoding`, after RFC 9110, section 8.4.1.
pub(super) struct Coding {
    decoder: Box<dyn DecodeV2 + Send + Sync>,
    /// Frames or members may follow each other.
    repeats: bool,
    /// The first bytes of `deflate`. RFC 9110 defines it as a zlib stream, but some servers send a bare one.
    first: Option<Vec<u8>>,
    /// No byte of `br` was read. The library would accept windows of up to 1 GiB, which RFC 7932 does not have.
    begins_br: bool,
    /// A frame has ended, and no byte of another was read.
    ended: bool,
    inflated: u64,
}

impl Coding {
    pub(super) fn new(name: &str) -> Option<Self> {
        let (decoder, repeats) = decoder(name)?;
        let first = (name == "deflate").then(Vec::new);
        let begins_br = name == "br";
        Some(Self { decoder, repeats, first, begins_br, ended: false, inflated: 0 })
    }

    /// Whether the bytes so far are a whole body.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Inflates the next bytes, as long as the inflated size is at most `allowed`.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        allowed: u64,
        each: &mut dyn FnMut(&[u8]) -> Result<(), NotInflated>,
    ) -> Result<(), NotInflated> {
        if let (true, [first, ..]) = (self.begins_br, bytes) {
            if first & 0x7F == LARGE_WINDOW {
                return Err(NotInflated);
            }
            self.begins_br = false;
        }
        let Some(first) = &mut self.first else { return self.inflate(bytes, allowed, each) };
        first.extend_from_slice(bytes);
        let &[method, flags, ..] = first.as_slice() else { return Ok(()) };
        let zlib =
            method & 0x0F == 8 && (u16::from(method) << 8 | u16::from(flags)).is_multiple_of(31);
        if !zlib {
            self.decoder = bare_deflate();
        }
        let first = self.first.take().unwrap_or_default();
        self.inflate(&first, allowed, each)
    }

    fn inflate(
        &mut self,
        bytes: &[u8],
        allowed: u64,
        each: &mut dyn FnMut(&[u8]) -> Result<(), NotInflated>,
    ) -> Result<(), NotInflated> {
        let mut input = PartialBuffer::new(bytes);
        let mut buffer = [0; BUFFER];
        while !input.unwritten().is_empty() {
            if self.ended {
                if !self.repeats {
                    return Ok(());
                }
                self.decoder.reinit().map_err(|_| NotInflated)?;
                self.ended = false;
            }
            let mut output = WriteBuffer::new_initialized(&mut buffer);
            let result = self.decoder.decode(&mut input, &mut output);
            let mut full = output.has_no_spare_space();
            let written = output.written_len();
            self.pass_on(&buffer[..written], allowed, each)?;
            self.ended = result.map_err(|_| NotInflated)?;
            while !self.ended && (full || input.unwritten().is_empty()) {
                let mut output = WriteBuffer::new_initialized(&mut buffer);
                let result = self.decoder.flush(&mut output);
                full = output.has_no_spare_space();
                let written = output.written_len();
                self.pass_on(&buffer[..written], allowed, each)?;
                result.map_err(|_| NotInflated)?;
                if !full {
                    break;
                }
            }
        }
        Ok(())
    }

    fn pass_on(
        &mut self,
        bytes: &[u8],
        allowed: u64,
        each: &mut dyn FnMut(&[u8]) -> Result<(), NotInflated>,
    ) -> Result<(), NotInflated> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.inflated += bytes.len() as u64;
        if self.inflated > allowed {
            return Err(NotInflated);
        }
        each(bytes)
    }
}

fn decoder(name: &str) -> Option<(Box<dyn DecodeV2 + Send + Sync>, bool)> {
    match name {
        #[cfg(feature = "decompression-gzip")]
        "gzip" | "x-gzip" => Some((Box::new(compression_codecs::GzipDecoder::new()), true)),
        #[cfg(feature = "decompression-deflate")]
        "deflate" => Some((Box::new(compression_codecs::ZlibDecoder::new()), false)),
        #[cfg(feature = "decompression-br")]
        "br" => Some((Box::new(compression_codecs::BrotliDecoder::new()), false)),
        #[cfg(feature = "decompression-zstd")]
        "zstd" => {
            // RFC 9659: a window of 8 MiB at most. The library's own bound is 128 MiB.
            let window = compression_codecs::zstd::params::DParameter::window_log_max(23);
            let decoder = compression_codecs::ZstdDecoder::new_with_params(&[window]);
            Some((Box::new(decoder), true))
        }
        _ => None,
    }
}

#[cfg(feature = "decompression-deflate")]
fn bare_deflate() -> Box<dyn DecodeV2 + Send + Sync> {
    Box::new(compression_codecs::DeflateDecoder::new())
}

#[cfg(not(feature = "decompression-deflate"))]
fn bare_deflate() -> Box<dyn DecodeV2 + Send + Sync> {
    unreachable!("without the feature there is no such coding")
}
