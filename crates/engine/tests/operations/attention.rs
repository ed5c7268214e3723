//! Attention.

use ablate_engine::{Activation, Attention, Builder, Conv2d};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{check, pick, reference::Map, run_all};

fn attention(
    [queries, keys, values]: [&Map; 3],
    Attention {
        heads,
        areas,
        scale,
    }: Attention,
) -> Map {
    let [_, channels, height, width] = values.shape;
    let (each, of_keys) = (channels / heads, queries.shape[1] / heads);
    let area = height * width / areas;
    let place = |position: usize| [position / width, position % width];
    Map::of(values.shape, |[n, c, y, x]| {
        let (head, here) = (c / each, y * width + x);
        let first = here / area * area;
        let scores: Vec<f64> = (first..first + area)
            .map(|there| {
                let [to_y, to_x] = place(there);
                let product = |i: usize| {
                    let channel = head * of_keys + i;
                    queries.at([n, channel, y, x]) * keys.at([n, channel, to_y, to_x])
                };
                f64::from(scale) * (0..of_keys).map(product).sum::<f64>()
            })
            .collect();
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (mut sum, mut seen) = (0.0, 0.0);
        for (i, score) in scores.iter().enumerate() {
            let [y, x] = place(first + i);
            let share = (score - most).exp();
            sum += share;
            seen += share * values.at([n, c, y, x]);
        }
        seen / sum
    })
}

/// Heads that fill blocks and that don't, in one area and several, of a map with a halo.
#[test]
fn what_queries_see() {
    let mut random = ChaCha8Rng::seed_from_u64(20);
    for (heads, keys, each) in [(1, 16, 16), (2, 32, 64), (3, 5, 12), (2, 12, 33), (4, 1, 1)] {
        for sides in [[1, 1], [3, 4], [10, 10], [8, 21]] {
            let all = 2 * keys + each;
            let shape = [pick(&mut random, &[1, 2]), heads * all, sides[0], sides[1]];
            let mut input = Map::random(shape, &mut random);
            input.numbers.iter_mut().for_each(|x| *x *= 3.0);
            // Head by head: queries, keys, values.
            let part = |start: usize, len: usize| -> Vec<usize> {
                let of = |head: usize| (0..len).map(move |i| head * all + start + i);
                (0..heads).flat_map(of).collect()
            };
            let parts = [part(0, keys), part(keys, keys), part(2 * keys, each)];
            for areas in [1, 4] {
                if !(sides[0] * sides[1]).is_multiple_of(areas) {
                    continue;
                }
                let how = Attention {
                    heads,
                    areas,
                    scale: (keys as f32).sqrt().recip(),
                };
                let [q, k, v] = parts.each_ref().map(|order| input.channels(order));
                let expected = attention([&q, &k, &v], how);
                let kernel = [heads * each, 1, 3, 3];
                let blur = Conv2d {
                    padding: [1; 2],
                    groups: heads * each,
                    ..Conv2d::new(
                        vec![0.25; heads * each * 9],
                        kernel,
                        vec![0.0; heads * each],
                    )
                };
                let blurred = super::reference::conv2d(&expected, &blur);
                let parts = parts.clone();
                let build = move |b: &mut Builder, x| {
                    let [q, k, v] = parts.clone().map(|order| b.channels(x, order).unwrap());
                    let seen = b.attention(q, k, v, how).unwrap();
                    vec![seen, b.conv2d(seen, blur.clone()).unwrap()]
                };
                let what = format!("{how:?} of {keys} and {each} channels, {shape:?}");
                check(&input, &build, &[expected, blurred], &what);
            }
        }
    }
}

/// Queries and keys with channels twice, and scores that would overflow.
#[test]
fn large_scores_and_channels_twice() {
    let mut random = ChaCha8Rng::seed_from_u64(21);
    let mut input = Map::random([1, 6, 5, 5], &mut random);
    input.numbers.iter_mut().for_each(|x| *x *= 100.0);
    let how = Attention {
        heads: 1,
        areas: 1,
        scale: 2.0,
    };
    let orders = [vec![0, 1, 0], vec![2, 2, 3], vec![4, 5, 4, 1]];
    let [q, k, v] = orders.each_ref().map(|order| input.channels(order));
    let expected = attention([&q, &k, &v], how);
    let build = move |b: &mut Builder, x| {
        let [q, k, v] = orders.clone().map(|order| b.channels(x, order).unwrap());
        vec![b.attention(q, k, v, how).unwrap()]
    };
    check(&input, &build, &[expected], "large scores");
}

/// A query that is no number sees none; the others see what they did.
#[test]
fn no_number_stays_with_its_query() {
    let mut input = Map::random([1, 4, 3, 7], &mut ChaCha8Rng::seed_from_u64(22));
    input.numbers[5] = f32::NAN;
    let how = Attention {
        heads: 1,
        areas: 1,
        scale: 1.0,
    };
    let build = move |b: &mut Builder, x| {
        let x = b.activation(x, Activation::Identity);
        let [q, k] = [0, 1].map(|channel| b.slice(x, channel, 1).unwrap());
        let v = b.slice(x, 2, 2).unwrap();
        vec![b.attention(q, k, v, how).unwrap()]
    };
    for (isa, found) in run_all(&input, &build) {
        for (i, x) in found[0].numbers.iter().enumerate() {
            assert_eq!(x.is_nan(), i % 21 == 5, "{i} on {isa}: {x}");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let (mut b, x) = Builder::new([1, 6, 2, 3]);
    let [three, two] = [3, 2].map(|count| b.slice(x, 0, count).unwrap());
    let of = |heads, areas| Attention {
        heads,
        areas,
        scale: 1.0,
    };
    let errors = [
        b.attention(three, two, x, of(1, 1)).unwrap_err(),
        b.attention(three, three, x, of(2, 1)).unwrap_err(),
        b.attention(three, three, x, of(0, 1)).unwrap_err(),
        b.attention(three, three, x, of(3, 4)).unwrap_err(),
    ];
    let expected = [
        "attention: expected queries and keys of one shape and values of their size, found \
         [1, 3, 2, 3], [1, 2, 2, 3] and [1, 6, 2, 3]",
        "attention: expected 3 and 6 channels to divide into 2 heads",
        "attention: expected 3 and 6 channels to divide into 0 heads",
        "attention: expected 2×3 positions to divide into 4 areas",
    ];
    assert_eq!(errors, expected);
}
