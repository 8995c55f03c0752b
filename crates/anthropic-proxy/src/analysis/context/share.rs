//! Sharing a measured whole out over parts by weight, so that the shares add up to it exactly.

use std::cmp::Reverse;

/// The weights together have no more bits than that, so that no product of two of them overflows.
const SUM_BITS: u32 = 62;

/// Shares `total` out in proportion to the weights by the method of the largest remainder; of equal remainders the earlier part
/// gets more. The shares add up to `total`, unless there is no part at all. Without any weight, the first part takes all.
pub(super) fn share(total: i128, weights: &[u64]) -> Vec<i128> {
    let sum: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    // Weights that could overflow a product are absurd; they lose the digits that do not matter.
    let shift = (u128::BITS - sum.leading_zeros()).saturating_sub(SUM_BITS);
    let weights: Vec<i128> = weights.iter().map(|weight| i128::from(*weight) >> shift).collect();
    let sum: i128 = weights.iter().sum();
    if sum == 0 {
        return (0..weights.len()).map(|index| if index == 0 { total } else { 0 }).collect();
    }
    let (quotient, rest) = (total.div_euclid(sum), total.rem_euclid(sum));
    let mut shares: Vec<i128> =
        weights.iter().map(|weight| quotient * weight + rest * weight / sum).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|index| (Reverse(rest * weights[*index] % sum), *index));
    let left = usize::try_from(total - shares.iter().sum::<i128>()).unwrap_or(0);
    for index in order.into_iter().take(left) {
        shares[index] += 1;
    }
    shares
}

/// The same for counts.
pub(super) fn share_count(total: u64, weights: &[u64]) -> Vec<u64> {
    share(total.into(), weights).into_iter().map(|share| u64::try_from(share).unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_largest_remainders_get_what_is_left() {
        let cases: [(i128, &[u64], &[i128]); 7] = [
            (10, &[1, 1, 1], &[4, 3, 3]),
            (10, &[1, 2, 3], &[2, 3, 5]),
            (2, &[5, 0, 5], &[1, 0, 1]),
            (7, &[0, 0], &[7, 0]),
            (0, &[3, 4], &[0, 0]),
            (5, &[], &[]),
            (1, &[1, 100], &[0, 1]),
        ];
        for (total, weights, expected) in cases {
            assert_eq!(share(total, weights), expected, "{total} over {weights:?}");
        }
    }

    proptest! {
        #[test]
        fn shares_add_up(total in 0_i128..1 << 80, weights in proptest::collection::vec(0_u64..1 << 32, 1..60)) {
            let shares = share(total, &weights);
            prop_assert_eq!(shares.iter().sum::<i128>(), total);
            prop_assert!(shares.iter().all(|share| *share >= 0));
        }

        #[test]
        fn whatever_the_weights_nothing_panics(total in any::<u64>(), weights in proptest::collection::vec(any::<u64>(), 0..9)) {
            let shares = share_count(total, &weights);
            let sum: u128 = shares.iter().map(|share| u128::from(*share)).sum();
            prop_assert!(weights.is_empty() || sum == u128::from(total));
        }
    }
}
