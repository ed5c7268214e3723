//! The smallest box around a mask.

use std::ops::Range;

/// x, y, width, height of the box around `spans`; zeros where there are none.
pub(super) fn bounds(spans: &[Range<u32>], height: u32) -> [u32; 4] {
    let (Some(first), Some(last)) = (spans.first(), spans.last()) else {
        return [0; 4];
    };
    let (x, right) = (first.start / height, (last.end - 1) / height);
    let (mut y, mut bottom) = (height, 0);
    for span in spans {
        let last = span.end - 1;
        let goes_on = span.start / height < last / height;
        // Who goes on in the next column touches the bottom of this one and the top of that.
        let (start, end) = if goes_on {
            (0, height - 1)
        } else {
            (span.start % height, last % height)
        };
        (y, bottom) = (y.min(start), bottom.max(end));
    }
    [x, y, right - x + 1, bottom - y + 1]
}
