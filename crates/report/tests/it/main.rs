//! Reports from records: the CSV file, the plots, the page and the summary on the screen.

mod browser;
mod csv_file;
mod data_pages;
mod page;
mod plots;
mod screen;
mod support;
