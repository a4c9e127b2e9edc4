"""The numbers of the simulated dock, all of them. The score prints them; nothing else about the site is chosen elsewhere.

Metres, seconds, decibels. x crosses the line of the doors at 0 (negative is outside), y runs along the wall, z is up. Pairs are
the ends of uniform distributions. Where a value is not published it is marked as ours: it was chosen so that the site is hard
(see `score`), before any engine was tuned on it.
"""

from dataclasses import dataclass

Pair = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Numbers:
    # the air
    rssi_at_1_m_dbm: float = -32.0  # ours: a passive tag in the middle of the beam of a 30 dBm reader
    exponent_door: float = 2.2
    exponent_store: float = 2.8
    tag_spread_db: float = 3.0  # sigma, fixed for each tag
    shadow_db: float = 4.0  # sigma
    shadow_m: float = 0.5  # its correlation length
    fading_k_db: float = 3.0  # Rician, each read
    orientation_db: Pair = (0.0, 12.0)  # lost by how the tag lies, each pass
    metal_share: float = 0.15  # of the tags, on metal or liquid ...
    metal_db: Pair = (6.0, 10.0)  # ... which costs so much more
    floor_db: float = 3.0  # ours: lost at a reflection
    wall_db: float = 3.0  # ours
    wall_m: float = 1.5  # ours: beyond the last door, along the way through it

    # antennas and readers
    beam_deg: float = 65.0  # 9 dBi
    back_lobe_db: float = 18.0
    off_line_m: float = 0.6  # each side of the line of the door
    height_m: float = 2.2
    tilt_deg: Pair = (66.0, 89.0)  # ours: below the horizon, each door
    sensitivity_dbm: float = -84.0
    half_read_dbm: float = -72.0  # a tag this strong answers every second round
    read_slope_per_db: float = 1.2
    round_s: Pair = (0.1, 0.4)  # an inventory round with nobody in range, and with `crowd` tags
    missed: Pair = (0.3, 0.4)  # of `crowd` tags in range, each round
    crowd: int = 200
    turn_s: Pair = (0.1, 0.25)  # of one antenna; a round that is not done by then is cut
    delay_s: Pair = (0.0, 0.3)  # of a report
    clock_offset_s: Pair = (-20.0, 20.0)
    clock_drift_ppm: float = 50.0
    stuck_share: float = 0.1  # of the readers have a calendar that began in the year 2000
    outage_s: Pair = (60.0, 1800.0)  # one for each reader and simulated day

    # the doors and what goes through them
    doors: int = 2
    door_distance_m: float = 3.5
    reach_m: float = 6.0  # a run begins and ends so far from the line
    speed_m_s: Pair = (0.5, 2.0)
    speed_jitter: float = 0.15  # ours: sigma of the speed around its mean
    stop_s: Pair = (0.0, 20.0)  # in the line of the door, of those that stop
    turn_back_m: Pair = (-0.8, 0.8)  # ours: how far beyond the line those come that turn back
    beside_m: Pair = (1.0, 3.0)  # from the wall, of those that pass by
    gap_s: float = 300.0  # ours: mean time between two runs
    single_share: float = 0.4  # of the runs carry one tag, ...
    some_share: float = 0.3  # ... so many `some`, the rest a pallet
    some: tuple[int, int] = (2, 20)
    pallet: tuple[int, int] = (21, 200)
    load_m: tuple[float, float, float] = (1.2, 0.8, 1.6)  # ours: along, across, up
    load_from_floor_m: float = 0.15

    # what stands around
    parked: tuple[int, int] = (5, 40)  # tags at each door
    parked_m: Pair = (1.0, 4.0)  # from the middle of the door
    blocked_share: float = 0.1  # of them have a person or a truck between now and then
    blocked_every_s: Pair = (60.0, 600.0)  # ours
    blocked_for_s: Pair = (1.0, 15.0)  # ours
    blocked_db: Pair = (5.0, 20.0)  # ours
    stored: int = 20  # tags in each of the two rooms that share a reader
    store_distance_m: float = 7.0  # ours: between the antennas of the two rooms
