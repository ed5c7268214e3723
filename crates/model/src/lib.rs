//! Detectors of the YOLO family: tables, graphs, costs and burn modules.
