"""What leaves the house: letters, reports on a timetable, links that show a report for a while."""
