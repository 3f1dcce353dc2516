//! Masking (RFC 6455, section 5.3): the same operation takes a mask off and puts it on.

/// Applies `mask` to `payload`, whose first byte meets the mask's first.
pub(super) fn apply(mask: [u8; 4], payload: &mut [u8]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, tail) = payload.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in tail.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::apply;

    #[test]
    fn every_length_is_masked_byte_by_byte() {
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        for length in 0..40_usize {
            let plain: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let expected: Vec<u8> =
                plain.iter().enumerate().map(|(i, byte)| byte ^ mask[i % 4]).collect();
            let mut masked = plain.clone();
            apply(mask, &mut masked);
            assert_eq!(masked, expected);
            apply(mask, &mut masked);
            assert_eq!(masked, plain);
        }
    }
}
