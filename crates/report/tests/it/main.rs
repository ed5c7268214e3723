//! Reports from records: the CSV file, the plots, the page and the summary on the screen.

mod browser;
mod compare;
mod csv_file;
mod data_pages;
mod event_file;
mod page;
mod paste;
mod plots;
mod screen;
mod support;
mod verdicts;
