//! Losses that are still on the device.

use anyhow::Result;
use burn::Tensor;
use burn::tensor::Device;

/// What is to be read of the batches since the last read.
///
/// A read waits for all that the device has been given. A CPU is done by then, and each batch is read
/// at once; LibTorch's GPU would have nothing to do until it is given more, so it is read once in a while.
pub struct Pending {
    batches: Vec<PendingBatch>,
    /// Batches between two reads.
    most: usize,
}

struct PendingBatch {
    step: usize,
    lr: f64,
    losses: Tensor<1>,
    norm: Option<Tensor<1>>,
}

/// What was read of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadBatch {
    /// Its number in the epoch.
    pub step: usize,
    /// Learning rate of its weights.
    pub lr: f64,
    /// Part by part.
    pub losses: Vec<f32>,
    /// Of the gradient, before it was clipped; None if none was taken or it is known already.
    pub norm: Option<f32>,
}

/// Less than a second of work, and more than enough for a read to be no matter.
const ON_A_GPU: usize = 16;

impl Pending {
    /// For a training on the device.
    pub fn new(device: &Device) -> Self {
        Self::of(match ablate_kernels::cuda_index(device) {
            Some(_) => ON_A_GPU,
            None => 1,
        })
    }

    /// To be read after so many batches.
    pub fn of(most: usize) -> Self {
        Self {
            batches: Vec::new(),
            most,
        }
    }

    /// Adds the losses of a batch, `[parts]`, and its learning rate.
    pub fn add(&mut self, step: usize, lr: f64, losses: Tensor<1>) {
        self.batches.push(PendingBatch {
            step,
            lr,
            losses,
            norm: None,
        });
    }

    /// Adds the norm, `[1]`, of the gradient that the batch added last made a step with.
    pub fn add_norm(&mut self, norm: Option<Tensor<1>>) {
        if let Some(batch) = self.batches.last_mut() {
            batch.norm = norm;
        }
    }

    /// Whether it is time to read.
    pub fn is_due(&self) -> bool {
        self.batches.len() >= self.most
    }

    /// Reads what there is, in the order in which it was added.
    ///
    /// # Errors
    /// A device that fails.
    pub fn read(&mut self) -> Result<Vec<ReadBatch>> {
        let batches = std::mem::take(&mut self.batches);
        let tensors = batches
            .iter()
            .flat_map(|batch| std::iter::once(&batch.losses).chain(&batch.norm));
        let tensors: Vec<Tensor<1>> = tensors.cloned().map(Tensor::inner).collect();
        if tensors.is_empty() {
            return Ok(Vec::new());
        }
        let mut values = Tensor::cat(tensors, 0)
            .try_into_vec_as::<f32>()?
            .into_iter();
        let read = |batch: PendingBatch| ReadBatch {
            step: batch.step,
            lr: batch.lr,
            losses: values.by_ref().take(batch.losses.dims()[0]).collect(),
            norm: batch.norm.and_then(|_| values.next()),
        };
        Ok(batches.into_iter().map(read).collect())
    }
}
