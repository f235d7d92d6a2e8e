"""The study of ActiveMark: marks in vision models against copies, innocents and removal."""
