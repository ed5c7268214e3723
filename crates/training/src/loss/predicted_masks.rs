//! How well the masks that cells predict cover the objects: what YOLO26's assigner looks at beside
//! boxes.

use ablate_detection::geometry::BBox;

/// An image's prototypes and coefficients, and the masks to be found, at the prototypes' size.
#[derive(Clone, Copy, Debug)]
pub struct PredictedMasks<'a> {
    /// `coefficients · height · width`.
    pub protos: &'a [f32],
    /// `outputs` numbers for each cell, of which the last ones are its coefficients.
    pub logits: &'a [f32],
    /// Numbers of a cell.
    pub outputs: usize,
    /// Mask coefficients of a cell, as many as prototypes.
    pub coefficients: usize,
    /// Number of the object that each pixel shows, from 1; 0 for none.
    pub objects: &'a [u16],
    /// The number of each target.
    pub numbers: &'a [u16],
    /// Pixels of a row of a prototype.
    pub width: usize,
    /// Pixels of a prototype for one of the image.
    pub scale: f32,
}

impl PredictedMasks<'_> {
    /// IoU of the mask that a cell predicts, cut to its box, with a target's; `bbox` is the cell's,
    /// in pixels of the image.
    pub fn iou(&self, target: usize, cell: usize, bbox: BBox) -> f32 {
        let number = self.numbers[target];
        let (area, width) = (self.objects.len(), self.width);
        let row = &self.logits[cell * self.outputs..][..self.outputs];
        let coefficients = &row[self.outputs - self.coefficients..];
        // Pixels that start inside of the box.
        let range = |low: f32, high: f32, side: usize| {
            let bound = |at: f32| (at * self.scale).ceil().clamp(0.0, side as f32) as usize;
            bound(low)..bound(high)
        };
        let (mut predicted, mut both) = (0, 0);
        for y in range(bbox.y1, bbox.y2, area / width) {
            for x in range(bbox.x1, bbox.x2, width) {
                let pixel = y * width + x;
                let logit: f32 = coefficients
                    .iter()
                    .zip(self.protos[pixel..].iter().step_by(area))
                    .map(|(coefficient, proto)| coefficient * proto)
                    .sum();
                if logit > 0.0 {
                    predicted += 1;
                    both += usize::from(self.objects[pixel] == number);
                }
            }
        }
        let truth = self.objects.iter().filter(|own| **own == number).count();
        both as f32 / ((truth + predicted - both) as f32).max(1.0)
    }
}
