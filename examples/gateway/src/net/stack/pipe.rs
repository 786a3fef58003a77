use std::io::{self, ErrorKind, Read, Write};

use bytes::{Buf, BytesMut};

/// A stream in memory: what was received and not read, what was written and not sent.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    pub(super) input: BytesMut,
    pub(super) output: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = buffer.len().min(self.input.len());
        self.input.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
