"""How Django writes times where no page of ours says otherwise: in the admin site."""
