import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { loadOfLevels } from "./level-load.ts";

describe("the load of levels", () => {
  test.each([
    [
      "all healthy",
      [
        [2, 2],
        [2, 2],
      ],
      0,
      [100, 0],
    ],
    [
      "half of the first (Envoy's own example)",
      [
        [1, 2],
        [1, 1],
      ],
      0,
      [70, 30],
    ],
    [
      "three quarters",
      [
        [3, 4],
        [4, 4],
      ],
      0,
      [100, 0],
    ],
    [
      "a quarter",
      [
        [25, 100],
        [100, 100],
      ],
      0,
      [35, 65],
    ],
    [
      "both low: scaled, and the first gets the rest",
      [
        [1, 9],
        [2, 10],
        [1, 10],
      ],
      0,
      [27, 49, 24],
    ],
    [
      "an empty first one",
      [
        [0, 0],
        [1, 1],
      ],
      0,
      [0, 100],
    ],
    [
      "none at all: by number",
      [
        [0, 1],
        [0, 3],
      ],
      0,
      [25, 75],
    ],
    ["nobody", [], 0, [100]],
  ] as const)("%s", (_, levels, panicPercent, want) => {
    const healths = levels.map(([usable, total]) => ({ usable, total }));
    const loads = loadOfLevels(healths, panicPercent).map(({ percent }) => percent);
    expect(loads.length === 0 ? [100] : loads).toEqual([...want]);
  });

  test("a level below the threshold uses all, unless the others can carry the traffic", () => {
    const panics = (levels: readonly (readonly [number, number])[], percent: number): readonly boolean[] =>
      loadOfLevels(
        levels.map(([usable, total]) => ({ usable, total })),
        percent,
      ).map(({ isPanicking }) => isPanicking);
    expect(
      panics(
        [
          [1, 4],
          [4, 4],
        ],
        50,
      ),
    ).toEqual([false, false]);
    expect(
      panics(
        [
          [1, 4],
          [1, 2],
        ],
        50,
      ),
    ).toEqual([false, false]);
    expect(
      panics(
        [
          [1, 4],
          [1, 4],
        ],
        50,
      ),
    ).toEqual([true, true]);
    expect(
      panics(
        [
          [1, 4],
          [1, 4],
        ],
        0,
      ),
    ).toEqual([false, false]);
    expect(
      panics(
        [
          [0, 4],
          [1, 4],
        ],
        0,
      ),
    ).toEqual([true, false]);
  });

  test("percentages make a hundred, and who has nobody gets nothing while others have", () => {
    const level = fc.tuple(fc.nat(20), fc.nat(20)).map(([usable, down]) => ({ usable, total: usable + down }));
    fc.assert(
      fc.property(fc.array(level, { minLength: 1, maxLength: 6 }), (levels) => {
        const loads = loadOfLevels(levels, 0);
        expect(loads.reduce((sum, { percent }) => sum + percent, 0)).toBe(100);
        if (levels.every(({ usable }) => usable === 0)) return;
        levels.forEach(({ usable }, index) => {
          if (usable === 0) expect(loads[index]!.percent).toBe(0);
        });
      }),
    );
  });
});
