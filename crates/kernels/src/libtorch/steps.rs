//! Steps of many parameters, collected one by one, taken together, and given back one by one.

use burn::tensor::{Device, Tensor};

use super::{
    gpu::cuda_index,
    update::{Held, Tensors, adam, clip, moving_average, sgd},
};
use crate::{Adam, Average, Clip, Sgd};

/// See [`crate::Steps`].
pub struct Steps<By> {
    groups: Vec<Group<By>>,
    /// The group of each parameter, in the order in which they were added.
    places: Vec<usize>,
}

/// Parameters whose step has the same factors, and the same number of tensors.
struct Group<By> {
    by: By,
    /// Values, gradients, and what is kept from step to step.
    inputs: Vec<Tensors>,
}

/// See [`crate::Stepped`].
pub struct Stepped {
    groups: Vec<Vec<std::vec::IntoIter<Held>>>,
    places: std::vec::IntoIter<usize>,
}

impl<By> Default for Steps<By> {
    fn default() -> Self {
        Self {
            groups: Vec::new(),
            places: Vec::new(),
        }
    }
}

impl<By: Copy + PartialEq> Steps<By> {
    pub fn suit(device: &Device) -> bool {
        device.clone().inner() == Device::libtorch() || cuda_index(device).is_some()
    }

    pub fn add<const D: usize>(&mut self, by: By, tensors: &[&Tensor<D>]) {
        let found = self
            .groups
            .iter()
            .position(|group| group.by == by && group.inputs.len() == tensors.len());
        let place = found.unwrap_or_else(|| {
            let inputs = tensors.iter().map(|_| Tensors::default());
            self.groups.push(Group {
                by,
                inputs: inputs.collect(),
            });
            self.groups.len() - 1
        });
        for (input, tensor) in self.groups[place].inputs.iter_mut().zip(tensors) {
            input.push(Tensors::hold(tensor).expect("32-bit tensors of LibTorch"));
        }
        self.places.push(place);
    }

    fn taken<const N: usize>(self, take: impl Fn(By, &[Tensors]) -> [Tensors; N]) -> Stepped {
        let groups = self.groups.iter().map(|group| {
            let taken = take(group.by, &group.inputs).into_iter();
            taken.map(Tensors::into_each).collect()
        });
        Stepped {
            groups: groups.collect(),
            places: self.places.into_iter(),
        }
    }
}

impl Steps<Sgd> {
    pub fn take(self) -> Stepped {
        self.taken(|by, inputs| sgd(&inputs[0], &inputs[1], inputs.get(2), by))
    }
}

impl Steps<Adam> {
    pub fn take(self) -> Stepped {
        self.taken(|by, inputs| match inputs {
            [values, gradients, average, square] => {
                adam(values, gradients, Some([average, square]), by)
            }
            _ => adam(&inputs[0], &inputs[1], None, by),
        })
    }
}

impl Steps<Average> {
    pub fn take(self) -> Stepped {
        self.taken(|Average { decay }, inputs| [moving_average(&inputs[0], &inputs[1], decay)])
    }
}

impl Steps<Clip> {
    pub fn take(self) -> Option<(Stepped, Tensor<1>)> {
        let [group] = &self.groups[..] else {
            assert!(self.groups.is_empty(), "all are cut by one norm");
            return None;
        };
        let (clipped, norm) = clip(&group.inputs[0], group.by);
        let stepped = Stepped {
            groups: vec![vec![clipped.into_each()]],
            places: self.places.into_iter(),
        };
        Some((stepped, norm.tensor()))
    }
}

impl Stepped {
    pub fn give<const D: usize, const N: usize>(&mut self) -> [Tensor<D>; N] {
        let place = self.places.next().expect("as many as were added");
        let group = &mut self.groups[place];
        std::array::from_fn(|i| group[i].next().expect("as many as were added").tensor())
    }
}
