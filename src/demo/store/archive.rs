//! Reading and writing the zip archives that charms and bundles are.
//!
//! Owns just enough of the format (stored and deflated members, no zip64) to look into a pushed
//! bundle and to make the seed's archives. Must not trust a length that it reads.

use std::io::Read;

/// The bytes of member `name`, `None` where there is none or the archive is damaged.
pub fn member(archive: &[u8], name: &str) -> Option<Vec<u8>> {
    let end = archive.windows(4).rposition(|window| window == b"PK\x05\x06")?;
    let count = u16_at(archive, end + 10)?;
    let mut at = u32_at(archive, end + 16)? as usize;
    for _ in 0..count {
        if archive.get(at..at + 4)? != b"PK\x01\x02" {
            return None;
        }
        let method = u16_at(archive, at + 10)?;
        let packed = u32_at(archive, at + 20)? as usize;
        let lengths = [28, 30, 32].map(|offset| u16_at(archive, at + offset).map(usize::from));
        let [Some(name_length), Some(extra), Some(comment)] = lengths else {
            return None;
        };
        let header = u32_at(archive, at + 42)? as usize;
        if archive.get(at + 46..at + 46 + name_length)? == name.as_bytes() {
            let skip =
                usize::from(u16_at(archive, header + 26)?) + usize::from(u16_at(archive, header + 28)?);
            let start = header + 30 + skip;
            return unpacked(archive.get(start..start.checked_add(packed)?)?, method);
        }
        at += 46 + name_length + extra + comment;
    }
    None
}

fn unpacked(bytes: &[u8], method: u16) -> Option<Vec<u8>> {
    // A bundle is a few kilobytes of text: what unpacks to more is no bundle.
    const CAP: u64 = 1 << 20;
    match method {
        0 => Some(bytes.to_vec()),
        8 => {
            let mut out = Vec::new();
            flate2::read::DeflateDecoder::new(bytes)
                .take(CAP)
                .read_to_end(&mut out)
                .ok()?;
            Some(out)
        }
        _ => None,
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// An archive of stored members, the same bytes for the same members.
pub fn stored(members: &[(&str, &[u8])]) -> Vec<u8> {
    // 1 January 1980, midnight: the first instant zip knows.
    const DATE: u16 = 0x21;
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for (name, bytes) in members {
        let offset = out.len() as u32;
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        let mut common = Vec::new();
        for field in [20_u16, 0, 0, 0, DATE] {
            common.extend(field.to_le_bytes());
        }
        for field in [crc.sum(), bytes.len() as u32, bytes.len() as u32] {
            common.extend(field.to_le_bytes());
        }
        common.extend((name.len() as u16).to_le_bytes());
        common.extend(0_u16.to_le_bytes());
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(*bytes);
        directory.extend(b"PK\x01\x02");
        directory.extend(20_u16.to_le_bytes());
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let start = out.len() as u32;
    let count = (members.len() as u16).to_le_bytes();
    let length = (directory.len() as u32).to_le_bytes();
    out.extend(directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count);
    out.extend(count);
    out.extend(length);
    out.extend(start.to_le_bytes());
    out.extend([0; 2]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_found_again() {
        let archive = stored(&[("a.txt", b"one"), ("bundle.yaml", b"name: x\n")]);
        assert_eq!(
            member(&archive, "bundle.yaml").as_deref(),
            Some(&b"name: x\n"[..])
        );
        assert_eq!(member(&archive, "a.txt").as_deref(), Some(&b"one"[..]));
        assert_eq!(member(&archive, "b"), None);
        assert_eq!(member(&archive[..archive.len() - 30], "a.txt"), None);
    }
}
