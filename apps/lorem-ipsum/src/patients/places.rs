//! The places of the town, and what is near what: a tile each, on a map of hexagons.

/// A place and its tile: column and row, where odd rows are shifted by half a tile.
pub(crate) struct Tile {
    pub(crate) name: &'static str,
    pub(crate) column: i32,
    pub(crate) row: i32,
}

const fn tile(name: &'static str, column: i32, row: i32) -> Tile {
    Tile { name, column, row }
}

pub(crate) const PLACES: [Tile; 19] = [
    tile("Lakeside", 1, 0),
    tile("Westmoor", 2, 0),
    tile("Quarry", 3, 0),
    tile("Birchwood", 0, 1),
    tile("Northgate", 1, 1),
    tile("Highfield", 2, 1),
    tile("Orchard", 3, 1),
    tile("Castle Hill", 0, 2),
    tile("Mill Lane", 1, 2),
    tile("Station", 2, 2),
    tile("Eastfield", 3, 2),
    tile("Ridgeway", 4, 2),
    tile("Riverside", 0, 3),
    tile("Old Town", 1, 3),
    tile("Harbour", 2, 3),
    tile("Ferry", 3, 3),
    tile("Southbank", 1, 4),
    tile("Fish Quay", 2, 4),
    tile("Saltmarsh", 3, 4),
];

impl Tile {
    /// How many steps from tile to tile it is to another.
    pub(crate) fn distance(&self, other: &Self) -> i32 {
        let cube = |tile: &Self| (tile.column - (tile.row - (tile.row & 1)) / 2, tile.row);
        let ((q, r), (other_q, other_r)) = (cube(self), cube(other));
        let (q, r) = (q - other_q, r - other_r);
        (q.abs() + r.abs() + (q + r).abs()) / 2
    }
}

#[cfg(test)]
mod tests {
    use super::PLACES;

    #[test]
    fn neighbours_are_a_step_apart() {
        let place = |name: &str| PLACES.iter().find(|place| place.name == name).unwrap();
        let steps = |from: &str, to: &str| place(from).distance(place(to));
        assert_eq!([steps("Harbour", "Ferry"), steps("Harbour", "Station"), steps("Harbour", "Eastfield")], [1; 3]);
        assert_eq!(
            [steps("Harbour", "Harbour"), steps("Harbour", "Lakeside"), steps("Ridgeway", "Birchwood")],
            [0, 3, 4]
        );
    }
}
